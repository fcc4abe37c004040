"""Parts to bundles: calibration, the critic, and categories taught from a few drawings."""

"""How good recognition and completions are, by measures of the field and by a judge."""

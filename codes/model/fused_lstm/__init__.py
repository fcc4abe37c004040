"""What is compiled where there is a compiler: numbers in, numbers out; knows no models and no tensors."""

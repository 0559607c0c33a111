"""What a model is judged by. Arrays in, numbers out; nothing here decides."""

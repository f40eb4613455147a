"""What a run will need, known as soon as its data are: seconds, memory, disk."""

"""The arms: one file each, from popularity to the hybrid."""

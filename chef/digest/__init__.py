"""A job told in text, for people without a browser and for programs that read: digest and summary."""

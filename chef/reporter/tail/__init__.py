"""`chef tail`: a job or a project followed in the terminal."""

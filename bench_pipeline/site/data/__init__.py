"""What can be downloaded: the files, what each column means, whose they are."""

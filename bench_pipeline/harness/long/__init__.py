"""What is longer than a chat: curves to the end of a context, conversations turn by turn."""

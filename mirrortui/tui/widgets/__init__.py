"""What the screens are made of, one widget a file. They draw what they are shown and decide nothing."""

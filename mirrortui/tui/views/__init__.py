"""What fills the screen between the tabs and the bar: one view at a time, each with its style sheet beside it."""

//! The table of lines in a `.mpy` file.

"""What tools/emulator-facts is made of: readers of the sources, and the tables written from them."""

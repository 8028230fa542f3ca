"""What tests share: roots for each test, a command runner, a terminal, images, the search for leaks."""

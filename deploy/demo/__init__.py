"""`make demo`: Earshot with an invented company, two weeks of what was said to it, and more of it live."""

"""The embedded launcher: broker and four services as child processes of one process, behind one port."""

"""Text for people.

Go templates, tables, sizes and times. Pure; imported only by commands that show something.
"""

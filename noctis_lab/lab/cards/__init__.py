"""What an archive's objects look like at a glance, in a notebook's cell and in a terminal.

A card is gathered once, within bounds of time and bytes, as a value object; `plain` writes it as
text of at most 80 columns, `markup` as HTML by the templates beside it. HTML needs no script and
asks no other host for anything.
"""

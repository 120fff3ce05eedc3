"""What people look at, in a page and in a cell. The only home of panel, holoviews, bokeh, param."""

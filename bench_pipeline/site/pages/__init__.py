"""One small module for each kind of page: `pages(press, site, tables)` gives bytes by path.

`render` lists them; `press` is the templates and static files. What a page says is made in the
folders beside this one.
"""

"""A page to play with: one network and its theories, with sliders (`quenched explore`).

Needs Panel and Bokeh: pip install "quenched[explorer]".
"""

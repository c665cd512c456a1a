from icbench import Component, hookimpl
@hookimpl
def icbench_distances():
    yield Component('mine', 'mine:Mine', 'a distance')

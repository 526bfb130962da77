"""Evaluation of classifiers on labelled faces, several side by side.

- `labelled`: reads faces from folders, zips, csv and npz files; `face_set` is what they are in memory, `near_copies`
  finds faces that two sets share. `fer2013_csv` and `npz` each read one of the formats, `tables` reads any csv.
- `conditions`: makes faces worse, with fewer pixels, blur or noise.
- `systems`: what can be evaluated: bundles, another program's answers, Python functions.
- `metrics` and `classification`: the figures of one system; `comparison`: those of several.
- `html`, `plots`, `page` and `published`: the report, and figures of others to print beside.
- `command`: ``edge-fer eval``.
"""

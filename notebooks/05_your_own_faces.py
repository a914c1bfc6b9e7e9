# %% [markdown]
# # Your own faces
#
# **Label three faces, get a model, correct it, adapt it again.** This notebook goes the whole way:
#
# 1. photos,
# 2. **label** three of them by clicking,
# 3. **adapt** a network and watch its loss,
# 4. ask which faces to label next (**suggest**),
# 5. **correct** the predictions on these faces instead of labelling from the start,
# 6. adapt again and compare,
# 7. paint parts instead of points,
# 8. **compare backbones** by a learning curve,
# 9. save the labels and **export** the model.
#
# Without a person, for example in a test, code fills the widgets in: it calls the same methods that your clicks call. Set
# `CLICK = True` to label by yourself. The notebook takes about two minutes on an ordinary CPU, without the network.
#
# The faces are 16 people of the *Face Research Lab London Set* by Lisa DeBruine and Benedict Jones (figshare, 2017,
# [doi 10.6084/m9.figshare.5047666](https://doi.org/10.6084/m9.figshare.5047666),
# [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/)), cropped and made smaller. Each person agreed to be shown.
#
# The first cell checks that facekit is installed. In Colab it installs facekit from `SOURCE`.

# %%
import subprocess
import sys

SOURCE = "/content/facekit"  # for Colab: the folder of a checkout, or "git+https://..." with its address

try:
    from facekit import adapt, plots, predict  # noqa: F401
except ImportError:
    if "google.colab" not in sys.modules:
        raise ImportError("expected the package facekit; run `pip install -e .` in a checkout of it") from None
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", SOURCE, "onnx", "onnxscript"], check=True)

# %% tags=["parameters"]
CLICK = False  # True: you label and correct. False: code fills the labels in
PHOTOS = None  # a folder of your own face crops, at least twelve; with CLICK = True
SEED = 0  # of the trainings: the same seed gives the same model

# %% [markdown]
# ## 1 · Photos
#
# Ten people are for you to label, six others only for scores. Your own photos need `CLICK = True`, because nobody knows their
# labels yet. For whole photos instead of face crops, add `align="box"` to every `adapt`.

# %%
import tempfile
from pathlib import Path

import numpy as np

import facekit
from facekit import plots
from facekit.images import list_images, load_image
from facekit.widgets import LossPlot, ModelSlider, PartEditor, PointEditor, Review

people = facekit.data.samples()
photos = list(people.images) if PHOTOS is None else [load_image(file) for file in list_images(PHOTOS)]
pool, others = photos[:-6], photos[-6:]
plots.image_grid(photos, [f"{i}" for i in range(len(pool))] + ["test"] * 6, width=1.2)

# %% [markdown]
# The labels that the code fills in are exact points of the data set. Each is the mean of one or two of its 189 points.

# %%
names = ["left_pupil", "right_pupil", "nose_tip", "left_mouth_corner", "right_mouth_corner"]
exact = {name: [name] for name in names} | {"nose_tip": ["left_nose_ridge_4", "right_nose_ridge_4"]}
index = people.landmark_labels.index
truth = np.stack([people.landmarks[:, [index(n) for n in exact[name]]].mean(1) for name in names], axis=1)
print("exact points", truth.shape)

# %% [markdown]
# ## 2 · Label three
#
# Click the points in the order of their names. A point can be dragged, and *Undo* takes back any step. *Mirror* places a
# missing point opposite to its partner: the names say that `left_pupil` and `right_pupil` are a pair. *Model's proposal* takes
# the prediction of a ready model as a start. Zoom with **+** and **−**.
#
# Left and right are the viewer's: the *left* pupil is on the left of the image.

# %%
editor = PointEditor(pool[:3], names, model="landmarks")
if not CLICK:
    for i in range(3):
        editor.go(i)
        for x, y in truth[i, :4]:  # the last point, the right corner of the mouth, comes from its partner
            editor.place(x, y)
        editor.mirror()
        editor.move("right_mouth_corner", *truth[i, 4])  # and is moved to its exact place
    editor.go(0)
editor

# %% [markdown]
# ## 3 · Adapt
#
# `labels()` gives the labelled images and an array (N, 5, 2) of points in pixels: the first two arguments of `adapt`.
# `LossPlot` follows the training.

# %%
images, points = editor.labels()
plot = LossPlot()
settings = {"task": "landmarks", "names": editor.names, "steps": 60, "seed": SEED}
if CLICK:
    display(plot)  # moves during the training
model = facekit.adapt(images, points, **settings, progress=plot)
print("labels", points.shape)
plot

# %% [markdown]
# ## 4 · Which faces next?
#
# `facekit.suggest` orders images by the model's uncertainty. For points this is 1 minus the mean score: how much of the
# probability lies around the predicted points. A large uncertainty often means a large error, but not always.

# %%
rest = pool[3:]
suggestion = facekit.suggest(model, rest)
print(suggestion)
titles = [f"{3 + i}: {suggestion.scores[i]:.2f}" for i in suggestion.order]
plots.image_grid([facekit.predict(model, rest[i]).draw() for i in suggestion.order], titles, columns=7, width=1.6)

# %% [markdown]
# ## 5 · Correct
#
# Correcting is faster than labelling from the start. Look at the three faces that the model is least certain about: press
# *Accept* if all points are right, drag those that are not.

# %%
chosen = [int(i) for i in suggestion.order[:3]]
review = Review(facekit.predict(model, [rest[i] for i in chosen]))
if not CLICK:
    for k, i in enumerate(chosen):
        review.editor.go(k)
        wrong = np.linalg.norm(review.editor.points[k] - truth[3 + i], axis=1) > 2  # pixels
        for name in np.array(names)[wrong]:
            review.editor.move(str(name), *truth[3 + i, names.index(name)])
        review.accept(k)
review

# %% [markdown]
# ## 6 · Adapt again
#
# Six labels now: three of your own and three corrected ones. Scores are on the six people whom no training used: the mean
# distance to the exact points, divided by the distance between the pupils (NME, lower is better). With so few people, a
# difference of a few tenths means nothing. Whether more faces help is a question for several draws (section 8).

# %%
more_images, more_points = review.labels()
six_images, six_points = [*images, *more_images], np.concatenate([points, more_points])
again = facekit.adapt(six_images, six_points, **settings, progress=plot)
models = {3: model, 6: again}
if PHOTOS is None:
    key = model.task.headline
    scores = {f"{n} faces": facekit.evaluate(m, others, truth[-6:])[key] for n, m in models.items()}
    display(plots.bars(scores, "NME, % (lower is better)", digits=2))
print(repr(review), "·", len(six_images), "faces")

# %% [markdown]
# The slider changes between the two models. It takes any models, for example those of several skip codes of `fsma`:
# `ModelSlider({"0000": ..., "1111": ...}, images, "skip code")`.

# %%
ModelSlider(models, others[:4], "shots")

# %% [markdown]
# ## 7 · Parts
#
# `PartEditor` paints: brush, polygon, fill and eraser, with an opacity, so that the face stays visible below. Here each label
# starts from the ready model's proposal: its lips become our mouth. One press of the brush adds the chin, which the ready
# model does not have.

# %%
parts = ["background", "hair", "nose", "mouth", "chin"]
painter = PartEditor(pool[:3], parts, model="segmentation")
if not CLICK:
    for i in range(3):
        painter.go(i)
        painter.propose()
        x, y = truth[i, 3:].mean(0)
        painter.brush([(x, y + 25)], size=28, part="chin")
    painter.go(0)
painter

# %%
part_images, masks = painter.labels()
parser = facekit.adapt(part_images, masks, "segmentation", names=painter.names, steps=60, seed=SEED, progress=False)
parsed = facekit.predict(parser, others)
plots.image_grid([result.draw() for result in parsed], columns=6, width=1.8)

# %% [markdown]
# `suggest` works for parts, too (entropy of the classes), and for every other task and backbone:

# %%
facekit.suggest(parser, pool[3:])

# %% [markdown]
# ## 8 · Which backbone?
#
# `facekit.learning_curve` adapts backbones on few and on more labelled faces, and scores them on the rest, in several draws.
# Here are two backbones, two draws and short trainings; take all backbones and more draws for a decision.

# %%
curve_images, curve_points, shots = (six_images, six_points, (1, 3)) if PHOTOS else (photos, truth, (1, 3, 6))
short = {"draws": 2, "steps": 40, "least_views": 120, "seed": SEED, "progress": False}
curve = facekit.learning_curve(curve_images, curve_points, "landmarks", ["fsma", "farl"], shots, names=names, **short)
print(curve)

# %% [markdown]
# ## 9 · Save and export
#
# Labels are saved as LabelMe files, or as one file of COCO. `facekit.annotations.read_labels` and annotation tools read both.
# The model is one file, and ONNX runs in other languages and in browsers.

# %%
folder = Path(tempfile.mkdtemp())
editor.save(folder / "labels")
painter.save(folder / "parts" / "all.json", "coco")
again.save(folder / "mine.facekit")
again.export_onnx(folder / "mine.onnx")
for file in sorted(path for path in folder.rglob("*") if path.is_file()):
    print(f"{str(file.relative_to(folder)):24} {file.stat().st_size / 1e3:9.1f} kB")

# %%
from facekit.annotations import read_labels

files = read_labels(folder / "labels", "landmarks", names=names)
same = np.allclose(np.stack(list(files.labels)), editor.points, atol=1e-3)
print(f"{len(files.labels)} label files are read again, with the same points: {same}")

# %% [markdown]
# ## Exercises
#
# 1. Label three faces by yourself (`CLICK = True`). How far are your points from the exact ones?
# 2. Correct the three faces that the model is *most* certain about instead. Does the second model get better or worse?
# 3. Name your points `a`, `b`, `c`, `d`, `e` instead. What does *Mirror* do now, and why?
#
# <details><summary>Answers</summary>
#
# 1. `np.linalg.norm(editor.points - truth[:3], axis=-1).mean()` gives pixels. One to two of 256 are usual for pupils, and more
#    for the tip of the nose, because it has no clear edge.
# 2. Take `suggestion.order[-3:]`. Three faces are few, so the order of the two results changes with the seed and the people.
#    `facekit.learning_curve` with more draws tells more than one comparison.
# 3. It places nothing: pairs come from the words *left* and *right* in names. `landmark_set(names, pairs=[("a", "b"), ("d",
#    "e")])` of `facekit.labels` defines them without such words.
#
# </details>

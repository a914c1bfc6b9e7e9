# %% [markdown]
# # facekit in ten minutes
#
# **Label a few faces, get your own face model, see it work.** In this notebook you will
#
# 1. run ready models on photos,
# 2. look at the labels that facekit works with,
# 3. label five points of your own on eight people,
# 4. **adapt** a network to these eight faces,
# 5. **predict** on eight other people,
# 6. **evaluate** the predictions with a score,
# 7. do the same with parts of a face instead of points,
# 8. save the model to a file and load it again.
#
# Everything runs on an ordinary CPU and without the network, in about two minutes.
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
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", SOURCE], check=True)

# %% tags=["parameters"]
SEED = 0  # of the trainings: the same seed gives the same model

# %%
import tempfile
from pathlib import Path

import numpy as np

import facekit
from facekit import plots
from facekit.labels import LANDMARKS_189
from facekit.results import Landmarks, Segmentation

people = facekit.data.samples()
print(people)
plots.image_grid(people.images, width=1.2)

# %% [markdown]
# ## 1 · Ready models
#
# Ready models come with the package. `facekit.predict` takes the name of a model and an image: an array, a file name, a
# PIL image and others. It finds the faces first. A list of models gives a list of results, and a list of images, too.

# %%
four = list(people.images[:4])
points, parts, sketches = facekit.predict(["landmarks", "segmentation", "sketch"], four)
rows = {"photo": four, "landmarks": points, "parts": parts, "sketch": sketches}
plots.image_rows({name: [r if name == "photo" else r.draw() for r in row] for name, row in rows.items()}, width=1.9)

# %% [markdown]
# `"attributes"` predicts 40 attributes, each with a probability. The model is small. It was trained on photos of celebrities,
# and its answers are often wrong, also about age and sex. Do not use it for decisions about people.

# %%
attributes = [dict(faces[0].top()) for faces in facekit.predict("attributes", four)]
shown = ["Smiling", "Male", "Young", "Black_Hair", "Bangs", "Eyeglasses", "No_Beard"]
rows = [[name, *(f"{found[name]:.0%}" for found in attributes)] for name in shown]
plots.table(["attribute", *(f"person {name}" for name in people.names[:4])], rows)

# %% [markdown]
# ## 2 · Labels
#
# Results hold numbers in the pixels of your image, and labels have the same form. So a corrected prediction is a label.
#
# | task | label of one image | here |
# |---|---|---|
# | `"landmarks"` | array (K, 2): x and y of each point, in pixels | `people.landmarks`: 189 points |
# | `"segmentation"` | array (H, W): one class id for each pixel; 255 is ignored | `people.masks`: 19 classes |
# | `"attributes"` | array (A,): 0, 1, or NaN for unknown | |
# | `"stylization"` | an image: the same face in the style | |
# | `"shadow_removal"` | none: shadows are added to images without them | |
#
# Left and right are always the viewer's. Label files of annotation tools (LabelMe, COCO, CVAT and others) are read by
# `facekit.annotations.read_labels`.

# %%
found, face = points[0][0], parts[0][0]
print("points", found.points.shape, "mask", face.mask.shape)
print("the class of the pixel in the middle:", face.labels.classes[face.mask[128, 128]])
shown = [Landmarks(p, np.ones(189), LANDMARKS_189, x) for p, x in zip(people.landmarks[:4], four, strict=True)]
masks = [Segmentation(m, people.mask_labels, x) for m, x in zip(people.masks[:4], four, strict=True)]
plots.image_rows({"189 points": [s.draw() for s in shown], "19 classes": [m.draw() for m in masks]}, width=1.9)

# %% [markdown]
# ## 3 · Five points of your own
#
# Now you make a model of your own. For your photos you would click points; the page (`facekit demo`) is made for that. Here
# we take five places out of the 189 exact points: pupils, tip of the nose and corners of the mouth. Eight people are for
# training, and the **eight others** are for testing.

# %%
names = ["left_pupil", "right_pupil", "nose_tip", "left_mouth_corner", "right_mouth_corner"]


def five(name):
    """One of our points of all people, (16, 2)."""
    if name == "nose_tip":  # between the lower ends of the two lines of the nose
        return (five("left_nose_ridge_4") + five("right_nose_ridge_4")) / 2
    return people.landmarks[:, people.landmark_labels.index(name)]


labels = np.stack([five(name) for name in names], axis=1)
images = np.stack(people.images)
train, test = slice(0, 8), slice(8, 16)
print("images", images.shape, "labels", labels.shape)

# %% [markdown]
# ## 4 · Adapt
#
# The network was pretrained on many faces without labels: it learned to encode a face and to reconstruct it. These layers stay
# **frozen**. `facekit.adapt` adds small layers between them and trains only these, so eight faces can be enough. The small
# layers do not start from random weights: they were trained on generated faces. So they only have to learn *your* points.
# `start="none"` switches this warm start off.
#
# `progress` may be a function of your own. Ours stores the loss, the error that training reduces.

# %%
losses = []


def note(done, total, values):
    losses.append((done, values["loss"]))


model = facekit.adapt(images[train], labels[train], "landmarks", names=names, steps=100, seed=SEED, progress=note)
print(model)
plots.curves({"our model": tuple(np.transpose(losses))})

# %% [markdown]
# ## 5 · Predict
#
# Predict on the eight people outside the training. The input is a list of images, and the output is a list of results.

# %%
results = facekit.predict(model, list(images[test]))
plots.image_grid([result.draw() for result in results], columns=4, width=2)

# %% [markdown]
# ## 6 · Evaluate
#
# The usual score of landmarks is the **NME** (normalised mean error): the mean distance between predicted and true points,
# divided by the distance between the eyes, in percent. Lower is better.
#
# Two other numbers show how good this is. One places the *mean* of the eight labels on each new face, without learning. The
# other is the same training without the warm start.

# %%
def nme(guess):
    """Mean distance over the distance between the pupils, for each of the eight people, in percent."""
    between = np.linalg.norm(labels[test, 0] - labels[test, 1], axis=-1)
    return 100 * np.linalg.norm(guess - labels[test], axis=-1).mean(1) / between


def errors_of(model):
    return nme(np.stack([result.points for result in facekit.predict(model, list(images[test]))]))


cold = facekit.adapt(
    images[train], labels[train], "landmarks", names=names, steps=100, seed=SEED, start="none", progress=False
)
errors = {"mean of the\neight labels": nme(labels[train].mean(0)), "no warm start": errors_of(cold)}
print(f"facekit.evaluate: {facekit.evaluate(model, images[test], labels[test])[model.task.headline]:.2f} %")
plots.bars(errors | {"our model": errors_of(model)}, "NME, % (lower is better)")

# %% [markdown]
# The lines show the standard deviation over the eight people.
#
# ## 7 · Parts instead of points
#
# Only the labels and `task` change. A label is now a **mask**. We choose classes that no data set has: hair, eyes and brows,
# and the mouth. Everything else is the background.

# %%
classes = ["background", "hair", "eyes_and_brows", "mouth"]
groups = {1: ["hair"], 2: ["left_eye", "right_eye", "left_brow", "right_brow"], 3: ["inner_mouth", "upper_lip", "lower_lip"]}
own = np.zeros_like(people.masks)
for number, members in groups.items():
    own[np.isin(people.masks, [people.mask_labels.index(name) for name in members])] = number

parser = facekit.adapt(images[train], own[train], "segmentation", names=classes, steps=100, seed=SEED, progress=False)
parsed = facekit.predict(parser, list(images[test]))
truth = [Segmentation(m, parser.task.labels, x) for m, x in zip(own[test], images[test], strict=True)]
plots.image_rows({"truth": [t.draw() for t in truth], "our model": [p.draw() for p in parsed]}, width=1.3)

# %%
scores = facekit.evaluate(parser, images[test], own[test])
plots.bars({name.replace("_", " "): scores[f"f1_{name}"] for name in classes[1:]}, "F1, % (higher is better)")

# %% [markdown]
# F1 measures how well the predicted and the true area of a part overlap; 100 is perfect. Large parts are easy, thin parts
# (brows, lips) are harder.
#
# ## 8 · Save the model
#
# One file holds the network, the names and the settings. Nothing in it is executed when it is loaded, so you can send it to
# others.

# %%
file = Path(tempfile.mkdtemp()) / "mine.facekit"
model.save(file)
again = facekit.load(file)
same = facekit.predict(again, images[15]).points
print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")
print("same prediction:", np.allclose(same, results[-1].points, atol=1e-3))

# %% [markdown]
# ## Next steps
#
# - **Your own photos:** pass file names instead of arrays, and `align="box"`, so that faces are found and cropped first.
# - **How many labels are enough?** Adapt with 1, 2, 4 and 8 faces and plot the error over the number of faces.
# - **Longer training:** raise `steps`. When does the score stop improving?
# - **No code:** `facekit demo` opens a page in your browser where you can click points and paint parts.

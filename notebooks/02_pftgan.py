# %% [markdown]
# # PFTGAN, step by step
#
# **Leveraging GAN Priors for Few-Shot Part Segmentation** (Han, Zheng, Wang, Luo, Hu and Du, ACM Multimedia 2022;
# [doi 10.1145/3503161.3548398](https://doi.org/10.1145/3503161.3548398)).
#
# A person needs minutes to outline the parts of *one* face, and months for thousands of faces. Is one labelled face enough? The
# paper's idea: **a generator of faces has features that separate their parts**, although its training had no labels. So a
# generator of images is fine-tuned, step by step, into a generator of label maps.
#
# This notebook follows the paper's order. Each heading names its section, equation or table. Everything is small: the paper's
# generator makes images of 1024 px and was trained on millions of images; the one in this package is small and was trained for a
# few hours of a CPU. So the numbers below are **not** the paper's. Section 8 says what they cannot show.
#
# It needs no GPU and no network, and runs in about five minutes on two CPU cores.
#
# The faces are people of the *Face Research Lab London Set* by Lisa DeBruine and Benedict Jones (figshare, 2017,
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
SCALE = "mini"  # of the table that section 7 computes: "mini", "gpu" or "paper"
DATA = None  # folder of the data sets for that table; None leaves it out
SEED = 0  # of the trainings: the same seed gives the same model

# %%
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from IPython.display import Markdown, display

import facekit
from facekit import plots
from facekit.alignment import ffhq_frame
from facekit.labels import LANDMARKS_5, LAPA_11, segmentation_map, segmentation_set
from facekit.results import Segmentation

# %% [markdown]
# ## 1 · The idea (Figure 2)

# %%
boxes = {
    "face X": (0, 1), "encoder\n(frozen)": (1, 1), "codes w": (2, 1),
    "segmentation stream": (3.3, 1.8), "image stream": (3.3, 0.2), "shared\ncoarse layers": (3.3, 1),
    "colours of the parts M": (5, 2.3), "pixel classifiers": (5, 1.5), "the face again": (5, 0.2), "parts Y": (6.2, 1.5),
}
names = list(boxes)
arrows = [(names[a], names[b]) for a, b in ((0, 1), (1, 2), (2, 3), (2, 4), (3, 6), (3, 7), (4, 8), (7, 9))]
arrows += [(names[5], names[3]), (names[5], names[4])]
tuned, new = ("segmentation stream", "image stream", "shared\ncoarse layers"), "pixel classifiers"
plots.diagram(boxes, arrows, colours=dict.fromkeys(tuned, "#f6dcc8") | {new: "#cfe8da"}, size=(9.5, 3.2))

# %% [markdown]
# - The **encoder** finds the codes from which the generator reconstructs a given face (equation 1). It stays frozen.
# - Both **streams** (orange: fine-tuned) start as the same trained generator and share its coarse layers (section 3.1). The
#   segmentation stream learns from one labelled face, the image stream from that face and any faces without labels.
# - The streams are fine-tuned in **three steps**, so that they keep as much as possible of their pre-training (section 3.2,
#   Algorithm 1).
# - Then small **classifiers** (green: new) predict the part of each pixel from the maps of the stream's layers (section 3.3).
#
# Earlier work, [DatasetGAN](https://arxiv.org/abs/2104.06490), has no fine-tuning: the classifiers read the generator as it is.
#
# **The faces.** A generator only fits faces that are cropped like its training images. Those of most face generators are cropped
# as in FFHQ, by eyes and mouth. So we crop the sixteen sample faces by five of their points. (For your own photos,
# `align="ffhq"` does this.) The labels are LaPa's eleven classes without the inner mouth, because all mouths are closed.

# %%
people = facekit.data.samples()
parts = segmentation_set([name for name in LAPA_11.classes if name != "inner_mouth"])
table = segmentation_map(LAPA_11, parts)[segmentation_map(people.mask_labels, LAPA_11)]  # from the set's 19 classes
eyes_and_mouth = ("left_pupil", "right_pupil", "left_mouth_corner", "right_mouth_corner")
left_eye, right_eye, *mouth = (people.landmarks[:, people.landmark_labels.index(name)] for name in eyes_and_mouth)
nose = people.landmarks[:, people.landmark_labels.index("left_nose_ridge_4")]
five = np.stack([left_eye, right_eye, nose, *mouth], axis=1)
crops = [ffhq_frame(points, LANDMARKS_5).crop((256, 256), 128) for points in five]
images = np.stack([crop.image(image) for crop, image in zip(crops, people.images, strict=True)])
masks = np.stack([crop.mask(table[mask]) for crop, mask in zip(crops, people.masks, strict=True)])


def painted(masks, images):
    return [Segmentation(mask, parts, image).draw() for mask, image in zip(masks, images, strict=True)]


# %%
labelled, unseen = slice(0, 5), slice(5, 16)
print("images", images.shape, "masks", masks.shape)
print("classes:", ", ".join(parts.classes))
plots.image_rows({"images": images, "parts": painted(masks, images)}, width=0.75)

# %% [markdown]
# We use the label of the **first face** only; section 6 takes up to five. The labels of the last eleven people are for scores.
# Ears are no class of LaPa: their pixels are 255 and are ignored.
#
# ## 2 · The generator and its codes (section 3, equation 1)
#
# StyleGAN2 makes an image from coarse to fine: 4 × 4 pixels first, and twice the side in each block. A **code** controls each
# layer. The *mapping* network turns random numbers $z$ into a code $w$. The *encoder* computes codes from an image:
#
# $$\mathbf{w} = \mathcal{E}(\mathbf{X}), \qquad \mathbf{w} \in \mathbb{R}^{N \times C} \tag{1}$$
#
# with one code of $C$ numbers for each of $N$ layers. The package's small generator saw too few images for a good mapping
# network. So its samples have codes from a normal distribution that was fitted to the encoder's codes of real faces. The maps
# below are those of one image; the images of the toRGB layers are added up, from the smallest to the largest.

# %%
backbone = facekit.load_backbone("pftgan")
generator, size = backbone.generator, backbone.generator.size
x = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
x = F.interpolate(x, backbone.input_size, mode="bilinear", antialias=True)
z = torch.randn(10, size.z_dim, generator=torch.Generator().manual_seed(SEED))
layers = {"encoder": backbone.encoder, "mapping": generator.mapping}
for block, side in ((generator.synthesis.block(side), side) for side in size.sides):
    layers |= {f"{side} px, convolution {i + 1}": layer for i, layer in enumerate(block.layers)}
    layers[f"{side} px, toRGB"] = block.torgb
plots.network_table(layers, lambda: (generator.mapping(z[:1]), backbone.reconstruct(x[:1])))

# %%
def arrays(x):
    """Torch images (N,3,H,W) in [0, 1] to numpy (N,H,W,3) uint8."""
    return (255 * x.clamp(0, 1)).round().byte().permute(0, 2, 3, 1).numpy()


with torch.no_grad():
    rows = {f"truncation {psi}": arrays(backbone.generate(z, truncation=psi)) for psi in (1.0, 0.7, 0.4)}
plots.image_rows(rows, width=0.95)

# %% [markdown]
# These people do not exist. `truncation` below 1 moves $w$ towards the mean code: fewer faults, less variety.
#
# **Inversion** is the opposite direction. `encode` and then `synthesize` reconstruct a face; `reconstruct` does both. All later
# steps depend on it, because no stream can segment what the codes do not contain. The paper names this as its first limit
# (section 5).

# %%
with torch.no_grad():
    codes = backbone.encode(x)
    again = backbone.synthesize(codes)
    mean_face = backbone.generate(z[:1], truncation=0)
error, plain = ((y - x).square().mean().sqrt().item() for y in (again, mean_face))
print(f"codes {tuple(codes.shape)}; error of a pixel (RMS) {error:.3f}, of the mean face for all {plain:.3f} (of 1)")
plots.image_rows({"image": arrays(x), "reconstructed": arrays(again)}, width=0.75)

# %% [markdown]
# Light, skin and the shape of the hair are roughly kept, the person is not. That can be enough for parts that lie in the same
# places. But look at beards, and at very dark faces: what the codes lose cannot be segmented exactly.
#
# **Coarse layers determine places, fine layers determine colours** (section 3.1). So both streams can share their coarse layers:
# the paper's are those up to 32 px of 1024 px, four of nine blocks. (facekit's quick recipe shares all, see section 6.) Below, the
# codes of these layers come from the face above the column, and all others from the face on the left. Check how far the rule holds
# for a small generator.

# %%
first = 2 * round(4 / 9 * len(size.sides)) - 1  # codes of the shared layers
white = np.full((size.resolution, size.resolution, 3), 255, np.uint8)
rows = {" ": [white, *arrays(again[:6])]}
with torch.no_grad():
    for i in (6, 14, 15):
        mixed = torch.cat([codes[:6, :first], codes[i : i + 1, first:].expand(6, -1, -1)], 1)
        rows[f"colours of {people.names[i]}"] = arrays(torch.cat([again[i : i + 1], backbone.synthesize(mixed)]))
print(f"the first {first} of {size.codes} codes are those of the columns")
plots.image_rows(rows, ["", *(f"places of {name}" for name in people.names[:6])], width=1.15)

# %% [markdown]
# **What the layers contain** (section 3.3). `features` returns the maps of every layer while the generator reconstructs an image.
# Below, the first three principal components of a layer's channels are red, green and blue, the same for all faces. A *part* that
# has the same colour in all faces can be found by a simple classifier.

# %%
def as_colours(maps):
    """Maps (N,C,h,w) to images: their three principal components."""
    pixels = maps.permute(0, 2, 3, 1).flatten(0, 2)
    pixels = pixels - pixels.mean(0)
    three = pixels @ torch.linalg.svd(pixels, full_matrices=False)[2][:3].T
    low, high = three.quantile(0.02, 0), three.quantile(0.98, 0)
    return ((three - low) / (high - low)).clamp(0, 1).view(len(maps), *maps.shape[2:], 3).numpy()


with torch.no_grad():
    maps = backbone.features(x[:10])
last = {m.shape[-1]: m for m in maps}  # the last map of each size
rows = {f"{side} px,\n{m.shape[1]} channels": as_colours(m) for side, m in last.items() if side >= 8}
plots.image_rows({"image": arrays(x[:10])} | rows, width=1.0)

# %% [markdown]
# ## 3 · Labels as colours (section 3.1, equation 5)
#
# A label map is not an image, and the generator makes images. So each class gets a colour, and the mask $\mathbf{Y}$ becomes the
# **label image** $\mathbf{M}$. This makes the task similar to the pre-training (the *task gap*). The colours should be far apart:
# then a small error of colour does not change the class. We take each next colour where it is farthest from all before.

# %%
levels = np.linspace(0, 255, 3)
grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)
palette = [grid[0]]
while len(palette) < len(parts):
    distances = np.linalg.norm(grid[:, None] - np.array(palette), axis=2)
    palette.append(grid[distances.min(1).argmax()])
palette = np.array(palette).astype(np.uint8)
M = np.where(masks[..., None] == 255, 128, palette[masks.clip(0, len(parts) - 1)])
mixtures = {f"λ = {share}": (share * images[:5] + (1 - share) * M[:5]).astype(np.uint8) for share in (1.0, 0.5, 0.1, 0.0)}
plots.image_rows(mixtures, width=1.2)

# %% [markdown]
# Faces and such images are still far apart (the *domain gap*). So the paper mixes them:
#
# $$\mathbf{X_M} = \lambda \mathbf{X} + (1 - \lambda) \mathbf{M} \tag{5}$$
#
# with $\lambda = 0.1$ (section 4.1). $\mathbf{X_M}$ is a label image in which the face is still visible. (Pixels without a class
# are grey here; training ignores them.)
#
# ## 4 · Two streams and Algorithm 1 (sections 3.1 and 3.2)
#
# Both streams take the same codes:
#
# $$\hat{\mathbf{M}} = \mathcal{G}_{seg}(\mathbf{w}), \qquad \hat{\mathbf{X}} = \mathcal{G}_{img}(\mathbf{w}) \tag{2}$$
#
# The distance between two images is LPIPS. It compares features of a network, not pixels. The whole loss is
#
# $$\hat\theta = \arg\min_\theta \; \mathcal{L}_{lpips}(\hat{\mathbf{M}}, \mathbf{M}) + \Big(\mathcal{L}_{lpips}(\hat{\mathbf{X}},
# \mathbf{X}) + \frac{1}{N} \sum_i \mathcal{L}_{lpips}(\hat{\mathbf{X}}'_i, \mathbf{X}'_i)\Big) \tag{4}$$
#
# Equation 3 is the same without the sum. $\mathbf{X}'_i$ are **support images** without labels, so that the shared layers still
# represent faces. The paper says: "it is effective to adopt the testing images"; `support_images=` takes them.
#
# The three steps differ in the layers that are trained, and in the target of the segmentation stream:
#
# | step | trained layers of both streams | target of the segmentation stream | equation |
# |---|---|---|---|
# | **1** | toRGB (they mix maps into colours) | $\mathbf{X_M}$ | 6 |
# | **2** | all | $\mathbf{X_M}$ | 7 |
# | **3** | toRGB | $\mathbf{M}$ | 8 |
#
# $$\hat\theta_{toRGB} = \arg\min_{\theta_{toRGB}} \mathcal{L}_{lpips}(\hat{\mathbf{M}}, \mathbf{X_M}) \tag{6}$$
#
# $$\{\hat\theta_{toRGB}, \hat\theta_{convs}\} = \arg\min_{\theta} \mathcal{L}_{lpips}(\hat{\mathbf{M}}, \mathbf{X_M}) \tag{7}$$
#
# $$\hat\theta_{toRGB} = \arg\min_{\theta_{toRGB}} \mathcal{L}_{lpips}(\hat{\mathbf{M}}, \mathbf{M}) \tag{8}$$
#
# `facekit.adapt` runs all steps and trains the classifiers of section 5. `stages=` chooses the steps, so that the effect of each
# becomes visible. The paper does not give the number of iterations $T$ of a step. The recipe `"paper"` has 300. The recipe
# `"quick"` has 50, a learning rate that falls to 0, and a squared error beside LPIPS. It leaves out step 3, which we add here. The
# next cells show the losses, how well the stream has learned its label, and what it makes after each step.

# %%
T = 50
settings = dict(backbone="pftgan", names=parts, support_images=list(images[unseen]), seed=SEED)
settings |= dict(recipe="quick", stages="123", reads_colours=True, steps=T)
settings |= dict(members=5, classifier_epochs=10, pixels=2500, classifier_optimiser="sgd", classifier_lr=0.5)
one = images[:1], masks[:1], "segmentation"  # the single labelled face
losses = display(plots.curves({"losses": ([], [])}), display_id=True)
curve = {"segmentation": [], "image": [], "label accuracy": [], "label mIoU": []}


def note(done, total, values):
    if "segmentation" not in values:
        return
    for name in curve:
        curve[name].append(values[name])
    if done % 10 == 0:
        shown = {f"{name} stream": (np.arange(1, done + 1), curve[name]) for name in ("segmentation", "image")}
        losses.update(plots.curves(shown, "iteration", "loss"))


model = facekit.adapt(*one, progress=note, **settings)

# %%
fit = {name: (np.arange(1, 3 * T + 1), 100 * np.array(curve[name])) for name in ("label accuracy", "label mIoU")}
plots.curves(fit, "iteration", "%, on the labelled face")

# %% [markdown]
# The second plot answers: **has the stream learned its label?** Each pixel of its image gets the class of the nearest colour,
# and is compared with the label of the same face. `model.about["fit"]` keeps the last values. Large parts are learned, small
# ones hardly: the mIoU ends at about a third. What step 1 cannot reach by colours alone, step 2 reaches by changing the
# layers. More steps and a larger learning rate (`steps=200, lr=0.01`) fit the label better. But a good fit on one face does
# not yet mean good parts on other faces: with some labelled faces they become worse. Section 6 measures other faces.

# %%
def output(model, x):
    """What the segmentation stream makes of images, (N,H,W,3) uint8."""
    with torch.no_grad():
        return arrays((model.network.stream(backbone.encode(x)) + 1) / 2)


settings["progress"] = False
rows = {"image": images[:10], "before": arrays(again[:10])}
samples = display(plots.image_rows(rows, width=1.0), display_id=True)
stages = {}
for name in ("1", "12", "123"):
    stages[name] = model if name == "123" else facekit.adapt(*one, **settings | dict(stages=name))
    samples.update(plots.image_rows(rows := rows | {f"step {name[-1]}": output(stages[name], x[:10])}, width=1.0))

# %% [markdown]
# The first column is the labelled face; the others have no label. Compare the rows. Step 1 only changes how the generator's
# maps are *mixed* into colours. In step 2 the layers themselves learn to draw parts. Step 3 is meant to remove what is still
# visible of the face. Not every part has its own colour, so these images are not yet the prediction. But the classifiers read
# them as well: "the outputs can facilitate the training of the subsequent Pixel-level Classifier" (section 3.2).
#
# ## 5 · The pixel classifiers (section 3.3)
#
# The prediction comes from the **maps** $S_0, \dots, S_k$ of all layers of the fine-tuned stream. By definition, each map with
# $C_i$ channels is upsampled to the image's size, and all are stacked. So each pixel is a vector of $C = \sum_i C_i$ numbers. A
# small network of three layers (MLP) predicts its class. It is trained on the pixels of the labelled face.
#
# The stack is large. But upsampling and the MLP's first layer are both linear, so **their order does not matter**: facekit
# applies the first layer to each map at its own size and upsamples the few results. The next cell shows that they are equal.

# %%
weights = torch.randn(128, sum(m.shape[1] for m in maps), 1, 1, generator=torch.Generator().manual_seed(SEED))
up = dict(size=size.resolution, mode="bilinear")
stack = torch.cat([F.interpolate(m[:1], **up) for m in maps], 1)
pieces = zip(maps, weights.split([m.shape[1] for m in maps], 1), strict=True)
stacked, fused = F.conv2d(stack, weights), sum(F.interpolate(F.conv2d(m[:1], w), **up) for m, w in pieces)
print(f"largest difference {(stacked - fused).abs().max() / stacked.abs().max():.0e} of the largest number")

ffhq = {4: 512} | {side: min(512, 32768 // side) * 2 for side in (8, 16, 32, 64, 128, 256, 512, 1024)}
rows = [["this generator", size.resolution, stack.shape[1]], ["the paper's, FFHQ", 1024, sum(ffhq.values())]]
rows = [[*row, row[1] ** 2 * row[2] * 4 / 1e6] for row in rows]
plots.table(["generator", "side, px", "C", "stack of one image, MB"], rows)

# %% [markdown]
# **Several classifiers vote**: ten in the recipes, here `members=5` to save time. They start from different random weights.
# `facekit.uncertainty` returns the Jensen-Shannon divergence of their predictions at each pixel, 0 where all predict the same.
# Use it to choose the face to label next.

# %%
results = facekit.predict(model, list(images[unseen]))
doubts = np.stack(facekit.uncertainty(model, list(images[unseen])))
wrong = np.stack([result.mask for result in results]) != masks[unseen]
wrong &= masks[unseen] != 255
rows = {"image": images[unseen], "prediction": [result.draw() for result in results]}
rows["truth"] = painted(masks[unseen], images[unseen])
rows["uncertainty"] = np.repeat(doubts[..., None] / doubts.max(), 3, axis=-1)
rows["wrong pixels"] = np.repeat(wrong[..., None] * 1.0, 3, axis=-1)
tenth = doubts >= np.quantile(doubts, 0.9)
print(f"wrong: {wrong[tenth].mean():.0%} of the most uncertain tenth of all pixels, {wrong[~tenth].mean():.0%} of the rest")
plots.image_rows(rows, width=0.95)

# %% [markdown]
# One label gives the large parts on other people. Thin parts, such as brows, are harder. Where the classifiers agree, they may
# still be wrong together: bald heads get hair, because the only labelled face has some.
#
# ## 6 · Comparisons and ablations (section 4)
#
# The score is the mean intersection over union, over $n$ classes:
#
# $$mIoU = \frac{1}{n} \sum_i \frac{TP_i}{TP_i + FP_i + FN_i} \tag{9}$$
#
# **The number of labelled faces (Tables 1 and 2).** Is the fine-tuned stream better than the generator as it is? The paper's
# Table 2:

# %%
shots = [1, 2, 3, 4, 5]
paper = {
    "PFTGAN": [42.9, 43.8, 49.1, 49.9, 50.7], "DatasetGAN": [38.4, 40.4, 46.2, 46.6, 46.4],
    "DDPM": [34.3, 39.9, 46.8, 48.9, 51.3], "MAE": [32.4, 39.0, 43.9, 46.6, 49.0],
}
plots.curves({name: (shots, values) for name, values in paper.items()}, "labelled faces", "mIoU, % (paper, Table 2)")

# %% [markdown]
# And a small live run on our faces. `stages=""` (`untuned`) is the generator as it is, with the same classifiers. (The recipes
# `"quick"` and `"datasetgan"` train them with Adam, which needs more iterations than a notebook has time for. So `settings`
# choose SGD with a large learning rate.)

# %%
def score(model):
    return facekit.evaluate(model, list(images[unseen]), masks[unseen])["miou"]


plain = {name: value for name, value in settings.items() if name != "support_images"}
untuned = plain | dict(stages="")
live = {"PFTGAN": [score(model)], "no fine-tuning": []}
for n in (1, 2, 5):
    faces, pixels = (images[:n], masks[:n], "segmentation"), dict(pixels=2500 * n)
    live["no fine-tuning"].append(score(facekit.adapt(*faces, **untuned | pixels)))
    if n > 1:
        live["PFTGAN"].append(score(facekit.adapt(*faces, **settings | pixels)))
plots.curves({name: ((1, 2, 5), values) for name, values in live.items()}, "labelled faces", "mIoU, % (this run)")

# %% [markdown]
# More labelled faces help both. The fine-tuning gains most with one face; with five, the classifiers have seen more of what
# differs between people.
#
# How much of the difference is chance? Each of the first three faces is once the only labelled one:

# %%
draws = {"PFTGAN": live["PFTGAN"][:1], "no fine-tuning": live["no fine-tuning"][:1]}
for i in (1, 2):
    face = images[i : i + 1], masks[i : i + 1], "segmentation"
    draws["PFTGAN"].append(score(facekit.adapt(*face, **settings)))
    draws["no fine-tuning"].append(score(facekit.adapt(*face, **untuned)))
draws["difference"] = list(np.subtract(*draws.values()))
heads = ["mIoU, % (this run)", *(f"face {name}" for name in people.names[:3]), "mean", "standard deviation"]
plots.table(heads, [[name, *each, np.mean(each), np.std(each, ddof=1)] for name, each in draws.items()])

# %% [markdown]
# Look at the row of the differences: does fine-tuning gain for each of the faces? Three faces are few; section 7 has recorded runs
# on other data.
#
# **Steps of the fine-tuning (Table 6).** *Vanilla* fine-tuning trains all layers towards $\mathbf{M}$ at once
# (`stages="v"`). In the paper it is worse than no fine-tuning, because the stream overfits to the one face. Step 2 brings most of
# the gain.

# %%
ours = {"no fine-\ntuning": live["no fine-tuning"][0]}
ours["vanilla"] = score(facekit.adapt(*one, **settings | dict(stages="v", steps=3 * T)))
ours |= {f"steps\n{', '.join(name)}": score(stages[name]) for name in stages}
table6 = dict(zip(ours, (38.4, 34.7, 38.5, 42.4, 42.9), strict=True))
display(plots.bars(table6, "mIoU, %\n(paper, Table 6)"))
display(plots.bars(ours, "mIoU, %\n(this run, one face)"))

# %% [markdown]
# **One stream or two, shared layers or not (Tables 4 and 5).** Without an image stream (`image_stream=False`), nothing keeps the
# layers close to those of a face. In the paper, the single stream and two streams that share nothing (`shared=0`) lose all of the
# gain. `shared=None` is the paper's part, four of nine blocks. The quick recipe shares all layers, which is ours: on training
# faces there is hardly a difference (`python -m benchmarks.pftgan.label_fit --choose`).

# %%
ours = {"no fine-\ntuning": live["no fine-tuning"][0]}
ours["single\nstream"] = score(facekit.adapt(*one, image_stream=False, **plain))
ours["nothing\nshared"] = score(facekit.adapt(*one, shared=0, **settings))
ours["paper's\npart"] = score(facekit.adapt(*one, shared=None, **settings))
table45 = dict(zip(ours, (38.4, 37.9, 38.3, 42.9), strict=True))
ours["all\nshared"] = live["PFTGAN"][0]
display(plots.bars(table45, "mIoU, %\n(paper, Tables 4, 5)"))
display(plots.bars(ours, "mIoU, %\n(this run, one face)"))

# %% [markdown]
# One face and one seed are an example. Here all tuned rows are better than none. But unlike in the paper, the single stream
# does no harm, and vanilla fine-tuning is even the best row of all. In facekit, "single stream" and "nothing shared" must be
# equal: without shared layers, the image stream cannot change the segmentation stream. The paper has 37.9 and 38.3.
#
# ## 7 · The paper's numbers and ours
#
# A live run with one labelled face and one seed is an example. The following figures are **recorded runs** with several draws of
# the labelled faces ([Results](../benchmarks/RESULTS.md)). Test sets differ from the paper's, so compare rows, not columns.
#
# The gain over DatasetGAN: ten draws of the labelled faces, the same ten classifiers in both rows, 95 % intervals of the paired
# differences (`facekit reproduce pftgan/fair`, about seven hours of one core):
#
# | mIoU, % | labelled faces | PFTGAN | DatasetGAN | difference |
# |---|---:|---:|---:|---:|
# | CelebAMask-HQ, 19 classes, 70 faces scored | 1 | 25.8 | 24.4 | +1.4 (+0.8 to +2.0) |
# | | 5 | 32.3 | 31.4 | +0.9 (+0.6 to +1.2) |
# | FASSEG frontal, six classes | 1 | 67.8 | 65.0 | +2.8 (+1.2 to +4.4) |
# | | 5 | 75.5 | 74.1 | +1.5 (+1.0 to +1.9) |
# | rendered faces, 27 parts | 1 | 32.4 | 31.3 | +1.1 (+0.3 to +1.8) |
# | | 5 | 40.4 | 39.8 | +0.6 (+0.2 to +1.0) |
# | the generator's own samples, 19 classes by the ready parser | 1 | 41.3 | 40.8 | +0.5 (+0.2 to +0.8) |
# | | 5 | 45.1 | 45.0 | +0.2 (-0.2 to +0.5) |
# | paper, Table 2: images of the generator, 34 classes | 1 | 42.9 | 38.4 | +4.5 |
# | | 5 | 50.7 | 46.4 | +4.3 |
# | paper, Table 1: real photos, 34 classes | 1 | 38.0 | 36.0 | +2.0 |
# | paper, Table 3: cars, 20 classes | 1 | 33.8 | 27.0 | +6.8 |
#
# With one labelled face, fine-tuning gains on all four sets: less than in the paper on images of the generator, about as much as on
# its real photos. With five it gains less. A generator of cars is no part of facekit.
#
# The ablations: three draws on rendered faces with 27 parts, and on FASSEG with six (`facekit reproduce pftgan/table4`, and so on
# to `table6`; about an hour and a half of one core):

# %%
recorded = {  # the paper's mIoU, ours on rendered faces and on FASSEG
    "PFTGAN": (42.9, 32.8, 70.9), "no fine-\ntuning": (38.4, 31.5, 68.1), "vanilla": (34.7, 32.6, 70.4),
    "step 1": (38.5, 31.8, 67.7), "steps\n1, 2": (42.4, 33.0, 70.5), "steps\n1, 2, 3": (42.9, 33.1, 70.3),
    "single\nstream": (37.9, 31.9, 68.6), "nothing\nshared": (38.3, 31.9, 68.6),
}
rows = [[name.replace("-\n", "-").replace("\n", " "), *values] for name, values in recorded.items()]
display(plots.table(["one labelled face, mIoU, % (recorded)", "paper", "rendered faces", "FASSEG"], rows))
without = recorded.pop("no fine-\ntuning")
for i, where in enumerate(("paper", "recorded, rendered faces", "recorded, FASSEG")):
    gains = {name: values[i] - without[i] for name, values in recorded.items()}
    display(plots.bars(gains, f"gain over no fine-\ntuning ({where})"))

# %% [markdown]
# "PFTGAN" is the quick recipe: steps 1 and 2, and classifiers that read no colours. The rows with steps read colours.
#
# The order is mostly the paper's. **Step 2 brings the gain. Without an image stream, or without shared layers, most of it is
# lost.** Only vanilla fine-tuning does no harm here. The gains are smaller than the paper's, and three draws are few: for rendered
# faces, PFTGAN minus no fine-tuning is 1.2 before rounding (95 % interval 0.2 to 2.3), for FASSEG 2.8 (−1.5 to 7.0). The table
# above, of ten draws, is more certain. [The page](../docs/backbones/pftgan.md) has all intervals.
#
# **The real data.** With the data sets, the next cell computes Table 1 as `facekit reproduce` does. `SCALE = "mini"` takes about
# 45 minutes of one core. `"gpu"` and `"paper"` need FFHQ-34, NVIDIA's generator and its encoder
# ([how](../docs/how-to/reproduce.md)). A stopped run goes on.

# %%
from facekit.papers.catalogue import EXPERIMENTS
from facekit.papers.run import run

if DATA is None:
    print(f"Set DATA to the folder of the data sets to run `facekit reproduce pftgan/table1 --scale {SCALE} --data DATA`.")
else:
    report = run(EXPERIMENTS["pftgan/table1"], SCALE, Path(DATA), Path("results"))
    display(Markdown(report.read_text(encoding="utf-8")))

# %% [markdown]
# **The official weights.** `weights="ffhq.pkl", inversion="e4e.pt"` in `adapt` and `load_backbone` take NVIDIA's generator, and the
# encoder of e4e or pSp that belongs to it. Nothing in these files is executed.
#
# **Save the model.** One file holds the encoder, the fine-tuned stream and the classifiers.

# %%
file = Path(tempfile.mkdtemp()) / "parts.facekit"
model.save(file)
loaded = facekit.predict(facekit.load(file), list(images[unseen]))
same = all(np.array_equal(a.mask, b.mask) for a, b in zip(loaded, results, strict=True))
print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB; the same masks after loading: {same}")

# %% [markdown]
# ## 8 · What this small run cannot show
#
# - **The paper's generator.** Its maps come from a network that draws pores and eyelashes. Ours cannot draw them, so its maps do
#   not separate them.
# - **The paper's data.** FFHQ-34 and CAR-20 have 34 parts of faces and 20 of cars. Ours are ten classes of sixteen people, who all
#   look into the camera, in the same light. The paper's failures are turned heads, and images that the encoder cannot
#   reconstruct (Figure 7).
# - **Other methods.** The paper also compares with features of a masked auto-encoder and of a diffusion model: `recipe="mae"` and
#   `recipe="ddpm"` with their weights. `recipe="farl"` reads facekit's own small tower.
# - **More than five labelled faces.** The paper expects that diffusion features are better then (section 5).
# - **Landmarks and styles.** `task="landmarks"` and `"stylization"` run on this generator, too. The paper has neither, and
#   [`fsma`](01_fsma.ipynb) is better at both.
#
# ## Exercises
#
# Predict the answer of each before you run it.
#
# **1.** Set `interpolation=0` in section 4 and look at the images after step 2. Which row of Table 6 does step 2 resemble now?
#
# <details><summary>Answer</summary>
#
# With λ = 0, equation 5 gives X<sub>M</sub> = M. Step 2 then trains all layers towards M, as vanilla fine-tuning does. The only
# difference is step 1 before it, which has moved the colours already.
#
# </details>
#
# **2.** The paper's generator makes 1024 px, and C is in the table of section 5. How large is the stack of one image, and how much
# of it do results of 128 channels need at the maps' own sizes?
#
# <details><summary>Answer</summary>
#
# 1024² × 5,568 numbers of 4 bytes are 23 GB. The first layer has 128 outputs. Applied to each map at its own size, the results
# have 128 × (4² + 2 × (8² + ... + 1024²)) numbers. The two maps of 1024 px dominate: all together it is about 1.4 GB. facekit
# also works in horizontal bands, so that even this is never in memory at once.
#
# </details>
#
# **3.** In section 6, PFTGAN and the generator without fine-tuning differ by some points. How do you find out whether this is more
# than chance?
#
# <details><summary>Answer</summary>
#
# Repeat it with more labelled faces, both methods on the same face, as in the table of three. Then look at the differences *per
# face*, because a face that is easy for one method is easy for the other. `facekit.metrics.paired_difference`
# gives their mean with a 95 % confidence interval. An interval that contains 0 decides nothing. `facekit reproduce` writes such
# an interval beside each row.
#
# </details>

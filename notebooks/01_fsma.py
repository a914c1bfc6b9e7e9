# %% [markdown]
# # FSMA, step by step
#
# **Few-Shot Model Adaptation for Customized Facial Landmark Detection, Segmentation, Stylization and Shadow Removal**
# (Wei, Liu, Wang, Tai; [arXiv 2104.09457](https://arxiv.org/abs/2104.09457)).
#
# The idea of the paper: a network learns *faces* from many images without labels, and is then frozen. Thin new layers learn
# *your task* from a few labelled images. The task may be landmarks, parts, a drawing style, or shadow removal.
#
# This notebook follows the paper's order. Each heading names its section, equation or table. Everything is small: a network of
# half the paper's width, at most a few hundred training steps, and generated faces, whose labels are exact. So the numbers
# below are **not** the paper's; section 10 says what they cannot show. `facekit reproduce fsma/table1` measures on real
# faces.
#
# The notebook needs the basics of the first one (`adapt`, `predict`, `evaluate`), no GPU and no network. It runs in about five
# minutes on two CPU cores.

# %%
import dataclasses
import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Markdown, display
from PIL import Image
from skimage import data

import facekit
from facekit.data.synthetic_cats import ANIMAL_POINTS, GeneratedAnimals
from facekit.annotations import read_labels, write_labels
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.augmentation.shadows import ShadowRange, cast_shadows
from facekit.images import save_image, to_tensor
from facekit.labels import CUSTOM_FSMA, FACEKIT_27, FASSEG_6, LANDMARKS_44, LANDMARKS_112, segmentation_map
from facekit.backbones.fsma.config import PRETRAIN_128, TABLE_7, named_recipe
from facekit.results import Landmarks, Segmentation
from facekit.metrics.labelling_time import workload

folder = Path(tempfile.mkdtemp())


def arrays(x):
    """Torch images (N,3,H,W), uint8 or in [0, 1], to numpy (N,H,W,3) uint8."""
    x = x if x.dtype == torch.uint8 else (255 * x).round().byte()
    return x.permute(0, 2, 3, 1).cpu().numpy()


def show(rows, width=1.45):
    """Rows of images; rows: {title: images}."""
    columns = max(len(images) for images in rows.values())
    size = ((columns + 0.55) * width, len(rows) * width * 1.03)
    figure, axes = plt.subplots(len(rows), columns, figsize=size, squeeze=False)
    for line, (title, images) in zip(axes, rows.items(), strict=True):
        for axis in line:
            axis.set_axis_off()
        for axis, image in zip(line, images, strict=False):
            axis.imshow(image)
        line[0].text(-0.06, 0.5, title, transform=line[0].transAxes, ha="right", va="center", fontsize=10)
    figure.subplots_adjust(left=0.55 / (columns + 0.55), right=1, bottom=0, top=1, wspace=0.03, hspace=0.03)
    plt.show()


def table(head, *rows):
    """A small table; numbers get one decimal."""
    rows = [[f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    display(Markdown("\n".join("| " + " | ".join(line) + " |" for line in lines)))


# %% [markdown]
# The faces of this notebook: ten for training, thirty others for testing. Nobody is in both groups, and nobody was in the
# training of the auto-encoder, which comes with the package.

# %%
faces = GeneratedFaces(seed=21, size=128, domain="wild", yaw=(-30, 30), pitch=(-15, 15), roll=(-15, 15))
batch = faces.batch(range(40), want=("image", "mask", "landmarks68", "landmarks44", "pencil"))
images = arrays(batch["image"])     # (40, 128, 128, 3) RGB
p68 = batch["landmarks68"].numpy()    # (40, 68, 2) x, y in pixels
few, unseen = slice(0, 10), slice(10, 40)
some = slice(10, 17)                  # the unseen faces that are shown
show({"the ten": images[few]}, width=1.05)

# %% [markdown]
# ## 1 · The auto-encoder: learn faces without labels (section 3.1)
#
# An **encoder** (a ResNet18) maps an image to a *latent code* of 99 numbers. A **decoder** (an inverted ResNet18) reconstructs
# the image from this code alone. So the code must hold what matters most in a face: pose, expression and light. No labels are
# needed, so millions of images can be used.
#
# `reconstruct` does both steps. The last face is a real photo (the astronaut Eileen Collins; NASA, public domain).

# %%
autoencoder = facekit.load_backbone("fsma")
photo = data.astronaut()
x0, y0, x1, y1 = facekit.find_faces(photo)[0].box
margin = 0.12 * (x1 - x0)  # the crops that the auto-encoder knows are wider than the finder's box
wider = (x0 - margin, y0, x1 + margin, y1 + 2 * margin)
astronaut = np.array(Image.fromarray(photo).resize((128, 128), Image.LANCZOS, wider))

x = to_tensor([*images[10:18], astronaut])
with torch.inference_mode():
    z, again = autoencoder.encode(x), autoencoder.reconstruct(x)
show({"image": arrays(x), "painted\nfrom 99\nnumbers": arrays(again)}, width=1.15)
print(f"images {tuple(x.shape)} -> codes {tuple(z.shape)}: {x[0].numel() / z.shape[1]:.0f} times fewer numbers")

# %% [markdown]
# The reconstruction keeps pose, light and expression. It does not keep the identity: this small auto-encoder was trained for
# 45 minutes only. The paper's was trained on about four hundred times as many images. Adaptation works with such codes, as section 2 shows.
#
# **Interpolation between two codes.** If the codes form a smooth space, then the points between two codes are faces, too. We
# interpolate between two codes and decode every point.

# %%
with torch.inference_mode():
    walk = autoencoder.decode(torch.stack([torch.lerp(z[4], z[-1], t) for t in torch.linspace(0, 1, 9)]))
show({"walk": arrays(walk)}, width=1.15)

# %% [markdown]
# **Four losses** train it (the equation of section 3.1): *L*<sub>unsup</sub> = λ<sub>1</sub> *L*<sub>rec</sub> + λ<sub>2</sub> *L*<sub>adv</sub> + λ<sub>3</sub> *L*<sub>enc</sub> + λ<sub>4</sub> *L*<sub>ssim</sub>
#
# - *L*<sub>rec</sub>: distance of each pixel to the original. Alone, it gives blurred images, because blur has the lowest
#   expected error.
# - *L*<sub>adv</sub>: a second network, the *discriminator*, learns to separate reconstructions from photos. The decoder is
#   trained to raise its error. This makes images sharper.
# - *L*<sub>enc</sub>: a discriminator for codes; it makes them follow a normal distribution. This makes the space smooth, so
#   that interpolation works.
# - *L*<sub>ssim</sub>: structural similarity. It compares the places of edges and contrasts, and so gives more weight to eyes
#   and mouths, which have few pixels.
#
# `facekit.pretrain` runs this stage. We run a few dozen steps on a few dozen generated faces. It writes the weights, a
# checkpoint (the same call continues a stopped run), and a `.jsonl` file with the losses of every step.

# %%
names = ("rec", "adv", "enc", "ssim")
print("weights of the losses (section 3.1):", {name: getattr(PRETRAIN_128, name) for name in names})
own = folder / "own.safetensors"
facekit.pretrain(
    "fsma", "generated:48", preset="mini", out=own, pool=folder, steps=40, batch_size=8, seed=0, progress=False
)
curve = [json.loads(line) for line in (folder / "own.checkpoint.jsonl").read_text().splitlines()]

figure, axes = plt.subplots(1, 4, figsize=(12, 2.3))
for axis, name in zip(axes, names, strict=True):
    steps, values = zip(*((line["step"], line[name]) for line in curve if name in line), strict=True)
    axis.plot(steps, values, color="#4f5fd9")
    axis.set_title(f"$L_{{{name}}}$"), axis.set_xlabel("step")
figure.tight_layout()
plt.show()

with torch.inference_mode():
    first = facekit.load_backbone("fsma", weights=own).reconstruct(x)
show({"image": arrays(x), f"after {len(curve)}\nsteps": arrays(first), "the package's": arrays(again)}, width=1.15)

# %% [markdown]
# So few steps learn the average colour and remove the initial noise (*L*<sub>ssim</sub> falls). The losses of the discriminators
# still vary a lot. Faces need thousands of steps: 8,000 for the package's weights. The paper trains for 50 epochs at 128 px and
# 50 more at 256 px (supplement, section 3).
#
# ## 2 · Adaptation (section 3.2)
#
# Now the auto-encoder is **frozen**: it would overfit to ten labelled images. Three kinds of new layers are trained instead.
#
# - **Interleaved transfer layers**: one 3×3 convolution before each upsampling step of the decoder. They convert features for
#   reconstruction into features for the task.
# - **Skip layers**: two 3×3 convolutions from an encoder map to the decoder map of the same size. The 99 numbers give the rough
#   place of the mouth; the encoder's maps contain its exact edge.
# - A new **output layer**: one map for each point, class or colour.
#
# The *skip code* has one digit per skip layer, coarsest map first. `"0000"` has none. `"1100"` has those of the maps that are 32
# and 16 times smaller than the image, and `"1111"` has all four. Landmark heatmaps have half the image's size, hence four
# digits. Full-size maps (parts, images) have five. Pre-training uses no skip layers, because with them the network could
# reconstruct an image without the code.
#
# **Landmarks (Table 1)** from ten labelled faces, without and with skip layers. `start="none"` switches off facekit's warm start
# from generated faces, so that only the skip code differs. The error is the NME: mean distance divided by the distance between
# the outer eye corners, in percent.

# %%
settings = dict(start="none", steps=120, batch_size=8, lr=3e-3, least_views=200, seed=0, progress=False)
finders = {
    skip: facekit.adapt(images[few], p68[few], task="landmarks", names="68", skip=skip, **settings)
    for skip in ("0000", "1111")
}
rows = []
for skip, model in finders.items():
    new = sum(p.numel() for p in model.network.new_parameters())
    frozen = sum(p.numel() for p in model.network.parameters()) - new
    scores = facekit.evaluate(model, images[unseen], p68[unseen])
    rows.append([f"`{skip}`", f"{frozen / 1e6:.2f}", f"{new / 1e6:.2f}", scores["nme_inter_ocular"], scores["fr10_inter_ocular"]])
table(["skip code", "frozen parameters (millions)", "trained (millions)", "NME %", "faces over 10 %"], *rows)

found = {skip: facekit.predict(model, list(images[unseen])) for skip, model in finders.items()}
show({skip: [result.draw() for result in results[:7]] for skip, results in found.items()})

# %% [markdown]
# Landmarks are mid-level features. The code alone gives good results, and skip layers help a little. The paper finds the same:
# in its Table 1, 300-W's NME falls from 4.31 (`0000`) to 3.88 (`1111`).
#
# **Parsing (Table 2)** needs the class of each pixel. Here the 99 numbers are too few: look at the eyes and the mouth.

# %%
masks6 = segmentation_map(FACEKIT_27, FASSEG_6)[batch["mask"].numpy()]
settings = dict(start="none", steps=250, batch_size=6, lr=5e-3, least_views=150, seed=0, progress=False)
parsers = {
    skip: facekit.adapt(images[few], masks6[few], task="segmentation", names=FASSEG_6, skip=skip, **settings)
    for skip in ("00000", "11111")
}
f1 = {skip: facekit.evaluate(model, images[unseen], masks6[unseen]) for skip, model in parsers.items()}
columns = {"skin": "skin", "hair_and_brows": "hair and brows", "eyes": "eyes", "nose": "nose", "mouth": "mouth"}
table(
    ["skip code: F1 %", *columns.values(), "eyes, nose, mouth"],
    *([f"`{skip}`", *(s[f"f1_{part}"] for part in columns), s["f1"]] for skip, s in f1.items()),
)
rows = {"truth": [Segmentation(m, FASSEG_6, p).draw() for m, p in zip(masks6[some], images[some], strict=True)]}
rows |= {skip: [r.draw() for r in facekit.predict(model, list(images[some]))] for skip, model in parsers.items()}
show(rows)


# %% [markdown]
# What this shows: the *mechanism* works as described. Without skip layers small parts are missed; with them they are found.
#
# What this does not show: how *large* the gain is. All faces come from one program, this is one draw of ten faces with one seed,
# and training stopped after a few hundred steps. The slower model had not converged by then (the paper's `00000` reaches 75 %
# with five images in Table 5). For the size of the gain, run `facekit reproduce fsma/table1`. It uses real
# faces, all codes and three draws, and prints mean and standard deviation.
#
# ## 3 · The paper's recipes (supplement, Table 7)
#
# `recipe="quick"`, the default, is facekit's own: about a minute on two cores. `recipe="paper"` takes the row of Table 7 that is
# closest to your task and number of images. These are the rows:

# %%
def extras(s):
    notes = ["L2 heatmaps"] * (s.heatmaps == "l2") + ["mirror, affine"] * s.mirror
    return ", ".join(notes + ["amsgrad"] * s.amsgrad + ["instance norm"] * s.instance_norm)


table(
    ["row of Table 7", "images", "epochs", "batch", "steps", "learning rate", "Adam's betas", "other"],
    *(
        [f"`{name}`", row.faces, row.epochs, row.settings.batch_size, f"{row.settings.steps:,}", f"{row.settings.lr:g}",
         row.settings.betas, extras(row.settings)]
        for name, row in TABLE_7.items()
    ),
)

# %% [markdown]
# **Epochs and steps.** One *epoch* uses every labelled image once. One *step* uses one batch and changes the weights once. So
# steps = epochs × (images ÷ batch size, rounded up). This explains the 5,000 epochs for ten images: each of them is one step.
# (Shadow removal counts the 5,000 pairs that are made from the clean images, for any number of clean images.)
#
# The next cell compares the two recipes for ten images with your own points. It also runs a few steps of the paper's recipe, to
# estimate its time on this computer. Any setting of a recipe can be overridden by name.

# %%
row = TABLE_7["helen-2.5%"]
batches = -(-row.faces // row.settings.batch_size)
print(f"helen-2.5%: {row.epochs} epochs x {batches} batch = {row(row.faces).steps} steps")
row = TABLE_7["customised-segmentation-25"]
batches = -(-row.faces // row.settings.batch_size)
print(f"customised-segmentation-25: {row.epochs} epochs x {batches} batches = {row(row.faces).steps} steps")

quick, paper = (dataclasses.asdict(named_recipe(name, "landmarks", True, 10)) for name in ("quick", "paper"))
table(["setting", "quick", "paper"], *([f"`{k}`", f"{quick[k]}", f"{paper[k]}"] for k in quick if quick[k] != paper[k]))

p112 = np.concatenate([p68, batch["landmarks44"].numpy()], axis=1)
started = facekit.adapt(images[few], p112[few], names="112", recipe="paper", steps=15, progress=False)
print(f"15 steps took {started.about['seconds']:.0f} s; all {paper['steps']} would take about "
      f"{started.about['seconds'] / 15 * paper['steps'] / 60:.0f} minutes")


# %% [markdown]
# ## 4 · Formats of your own (sections 4.1 and 4.2)
#
# With few-shot learning you can use a format that no data set has. The paper defines two such formats.
#
# **Points (section 4.1, Figure 4).** The usual 68 points leave out the forehead and the cheeks. 44 additional points cover them.
# Both together are the set `"112"`.

# %%
def kind(name):
    """The paper's group of an additional point."""
    words = {"forehead": "forehead and hairline", "socket": "lower eye sockets", "ala": "nostrils and alae",
             "nostril": "nostrils and alae", "cheek": "chin and cheeks", "chin": "chin and cheeks"}
    return next(group for word, group in words.items() if word in name)


groups = np.array(["the usual 68"] * 68 + [kind(name) for name in LANDMARKS_44.points])
colours = dict(zip(dict.fromkeys(groups), ("#ffffff", "#ffd21f", "#ff6fae", "#53e0ff", "#7dff6a"), strict=True))
figure, axes = plt.subplots(1, 4, figsize=(12, 3.4))
for axis, image, points in zip(axes, images[few], p112[few], strict=False):
    axis.imshow(image)
    axis.set_axis_off()
    for group, colour in colours.items():
        axis.scatter(*points[groups == group].T, s=9, c=colour, edgecolors="black", linewidths=0.4, label=group)
    axis.set(xlim=(-0.5, 127.5), ylim=(127.5, -0.5))  # hair and hats may reach out of the image
figure.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncol=5, frameon=False)
figure.subplots_adjust(left=0, right=1, top=1, bottom=0.12, wspace=0.03)
plt.show()

# %% [markdown]
# We adapt on ten faces with the quick recipe. Its warm start was trained on generated faces, so the task is easy here. `to`
# converts a result to the points of another set.

# %%
model112 = facekit.adapt(
    images[few], p112[few], names=LANDMARKS_112, steps=80, batch_size=8, least_views=200, progress=False
)
results = facekit.predict(model112, list(images[unseen]))
truth = p112[unseen]
eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=-1)  # outer eye corners
errors = np.linalg.norm(np.stack([r.points for r in results]) - truth, axis=-1) / eyes[:, None]
table(
    ["points", "how many", "NME %"],
    *([group, (groups == group).sum(), 100 * float(errors[:, groups == group].mean())] for group in colours),
    ["all", len(groups), facekit.evaluate(model112, images[unseen], truth)["nme_inter_ocular"]],
)
show({"all 112": [r.draw() for r in results[:7]], "the 44": [r.to(LANDMARKS_44).draw() for r in results[:7]]})

# %% [markdown]
# Points on skin without edges (forehead, cheeks) are the least certain. Human annotators disagree there, too.
#
# **Parts (section 4.2, Figure 5).** The skin is divided into forehead, cheeks, chin, the area under the nose, and upper and lower
# eye sockets. Glasses, beard and moustache have classes of their own. In facekit this is the set `CUSTOM_FSMA`.

# %%
own_masks = segmentation_map(FACEKIT_27, CUSTOM_FSMA)[batch["mask"].numpy()]
parser = facekit.adapt(
    images[few], own_masks[few], task="segmentation", names=CUSTOM_FSMA, steps=120, batch_size=6, least_views=150,
    progress=False,
)
results = facekit.predict(parser, list(images[some]))
true = [Segmentation(m, CUSTOM_FSMA, p) for m, p in zip(own_masks[some], images[some], strict=True)]
show({"truth": [t.draw() for t in true], "predicted": [r.draw() for r in results]})
scores = facekit.evaluate(parser, images[unseen], own_masks[unseen])
regions = [name for name in CUSTOM_FSMA.classes if name != "background" and np.isfinite(scores[f"f1_{name}"])]
best = sorted(regions, key=lambda name: -scores[f"f1_{name}"])
colours = [np.array(CUSTOM_FSMA.palette[CUSTOM_FSMA.classes.index(name)]) / 255 for name in best]
titles = [name.replace("_", "\n") for name in best]
figure, axis = plt.subplots(figsize=(11, 2.4))
axis.bar(titles, [scores[f"f1_{name}"] for name in best], color=colours, edgecolor="#666")
axis.set_ylabel("F1 %")
axis.tick_params("x", labelsize=6.5)
axis.margins(x=0.01)
figure.tight_layout()
plt.show()

# %% [markdown]
# The bars have the colours of the parts in the images above. Thin parts have the lowest scores, and so have parts that few of the
# ten faces show (glasses, beards): a class needs examples.
#
# **LabelMe files.** The authors labelled with [LabelMe](https://github.com/wkentaro/labelme). `facekit.annotations` reads and
# writes such files, so two lines lead from your labels to `adapt`. The next cell writes labels and reads them again:

# %%
(folder / "images").mkdir()
files = [folder / "images" / f"face{i}.png" for i in range(3)]
for file, image in zip(files, images, strict=False):
    save_image(image, file)

write_labels(folder / "points", files, p112[:3], "landmarks", LANDMARKS_112, "labelme")
write_labels(folder / "parts", files, own_masks[:3], "segmentation", CUSTOM_FSMA, "labelme")
points = read_labels(folder / "points", "landmarks", LANDMARKS_112)
parts = read_labels(folder / "parts", "segmentation", CUSTOM_FSMA)
print(points)
print(parts)
print("largest difference of a coordinate:", np.abs(points.labels - p112[:3]).max(), "pixels")
print("pixels with another class:", sum((a != b).sum() for a, b in zip(parts.labels, own_masks, strict=False)))
shape = json.loads((folder / "points" / "face0.json").read_text())["shapes"][0]
print("one point in the file:", {k: shape[k] for k in ("label", "points", "shape_type")})

# %% [markdown]
# `facekit.adapt(points.images, points.labels, names=points.names)` adapts a model to them.
#
# ## 5 · Stylization from ten pairs (section 4.3)
#
# Now the label is an *image*: the same face as a pencil drawing. The loss is that of pre-training,
# *L*<sub>rec</sub> + *L*<sub>adv</sub>. The output layer starts as the decoder's. So the model first reconstructs faces, and then
# learns the style. Three scores compare with the true drawing:
#
# - SSIM: structure, 1 is best;
# - PSNR: pixels, in dB, higher is better;
# - LPIPS: distance between the features of a pretrained network, 0 is best.

# %%
drawings = list(arrays(batch["pencil"]))
settings = dict(steps=150, batch_size=4, least_views=100, seed=0, progress=False)
stylists = {
    skip: facekit.adapt(images[few], drawings[few], task="stylization", skip=skip, **settings)
    for skip in ("00000", "11111")
}


def compare(models, inputs, targets, name):
    """Scores of the untouched images and of each model's."""
    scores = {skip: facekit.evaluate(model, inputs, targets) for skip, model in models.items()}
    before = next(iter(scores.values()))
    rows = [[name] + [f"{before[f'{metric}_before']:.3g}" for metric in ("ssim", "psnr", "lpips")]]
    rows += [[f"`{skip}`"] + [f"{s[metric]:.3g}" for metric in ("ssim", "psnr", "lpips")] for skip, s in scores.items()]
    table(["", "SSIM (more is better)", "PSNR, dB (more)", "LPIPS (less)"], *rows)


compare(stylists, images[unseen], drawings[unseen], "the photo itself")
rows = {"photo": images[some], "truth": drawings[some]}
show(rows | {skip: [r.output for r in facekit.predict(m, list(images[some]))] for skip, m in stylists.items()})

# %% [markdown]
# Without skip layers the drawing shows *a* face (the code's). With them it shows *this* face, as in the paper's Figure 8 (C). The
# training had no pair of these people.
#
# ## 6 · Shadow removal (section 4.4)
#
# There are hardly any pairs of the same face with and without the shadow of a hand or a branch. So the paper casts shadows on
# *clean* faces. A random mask comes from Perlin noise (smooth random values, cut at a threshold) or from the silhouette of an
# object. Then the pixels in the mask are darkened. facekit does the same, with soft edges and a little colour, on the person
# only. The next cell draws the same shadows on a white wall and on a face:

# %%
studio = GeneratedFaces(seed=22, size=128, yaw=(-30, 30), pitch=(-15, 15), roll=(-15, 15))
lit = studio.batch(range(36), want=("shadow_free", "mask"))
clean = arrays(lit["shadow_free"])  # 24 to learn from, 12 to test on
portrait = (lit["mask"] > 0).float()[:, None]
one = lit["shadow_free"][30:31].float().expand(7, -1, -1, -1) / 255
there = portrait[30:31].expand(7, -1, -1, -1)
rows = {}
for title, share in (("Perlin\nnoise", 0.0), ("silhouettes", 1.0)):
    spec = ShadowRange(silhouettes=share)
    # Equal generators draw equal shadows: first on a white wall, then on a portrait.
    wall = cast_shadows(torch.ones_like(one), torch.Generator().manual_seed(5), spec=spec)
    face = cast_shadows(one, torch.Generator().manual_seed(5), there, spec)
    rows |= {f"{title},\non a wall": arrays(wall), f"{title},\non a face": arrays(face)}
show(rows)

# %% [markdown]
# The model is trained on 24 clean faces (`labels=None`) with many different shadows. It is tested on shadows on twelve other
# faces. Besides the three usual scores, we measure the mean error in grey levels *inside* the shadow and outside of it.

# %%
settings = dict(steps=320, batch_size=4, seed=0, progress=False)
removers = {
    skip: facekit.adapt(clean[:24], task="shadow_removal", skip=skip, **settings) for skip in ("00000", "11111")
}
dark = arrays(cast_shadows(lit["shadow_free"][24:].float() / 255, torch.Generator().manual_seed(0), portrait[24:]))
compare(removers, dark, list(clean[24:]), "with the shadow")


def wrong(guess):
    """Mean error of each pixel, grey levels."""
    return np.abs(guess.astype(float) - clean[24:]).mean(-1)


shadow = wrong(dark) > 12
skin = (portrait[24:, 0].numpy() > 0) & ~shadow
outputs = {skip: np.stack([r.output for r in facekit.predict(m, list(dark))]) for skip, m in removers.items()}
table(
    ["mean error, grey levels", "inside the shadow", "on the rest of the person"],
    ["with the shadow", wrong(dark)[shadow].mean(), wrong(dark)[skin].mean()],
    *([f"`{skip}`", wrong(out)[shadow].mean(), wrong(out)[skin].mean()] for skip, out in outputs.items()),
)
show({"with shadow": dark[:7], **{skip: out[:7] for skip, out in outputs.items()}, "truth": clean[24:31]})

# %% [markdown]
# `11111` lightens the shadow and keeps the person. `00000` has the 99 numbers only, so its output has the light of another
# face. Pixels outside of the shadow become wrong (the paper's Figure 8 (D)). `11111` has errors, too: dark shadows are removed only
# in part, and the rest of the face changes a little. The paper's recipe makes 60,000 steps, on a better auto-encoder.
# `facekit reproduce fsma/figure13` measures ours on real faces under real light.
#
# (One step is ours. The paper's output image consists of the network's pixels, and those of a 128 px network are blurred. So
# facekit takes only the change of *light* from the network, and keeps the detail of the image.)
#
# ## 7 · Comparison with a UNet from random weights (Table 5)
#
# The network with all its skip layers *is* a UNet. So the baseline has the same structure and the same ten faces, but nothing is
# frozen, and all layers start from random weights: `baseline="unet"`. (The paper's UNet starts from ImageNet's weights; ours has
# no pre-training.)

# %%
unet = facekit.adapt(
    images[few], masks6[few], task="segmentation", names=FASSEG_6, baseline="unet", lr=1e-3,
    start="none", steps=250, batch_size=6, least_views=150, seed=0, progress=False,
)
f1["UNet"] = facekit.evaluate(unet, images[unseen], masks6[unseen])
trained = {"UNet": unet, **parsers}
table(
    ["F1 %", *columns.values(), "eyes, nose, mouth", "trained (millions)"],
    *([name, *(f1[name][f"f1_{part}"] for part in columns), f1[name]["f1"],
       f"{sum(p.numel() for p in model.network.new_parameters()) / 1e6:.2f}"]
      for name, model in trained.items()),
)
show({name: [r.draw() for r in facekit.predict(model, list(images[some]))] for name, model in trained.items()})

# %% [markdown]
# All three were trained for the same number of steps. The frozen network trains fewer layers. Its steps are cheaper, because no
# gradient passes through the encoder, and small parts are learned earlier. The UNet trains the most layers. It gains from more
# steps (`facekit reproduce fsma/table5` gives it twice as many) and from more labels. Table 5 shows this: from five
# faces to two thousand, the difference between the two shrinks from eleven points to one.
#
# ## 8 · Not only people (section 5.5)
#
# The paper repeats all stages with cats and dogs: crop the heads, pre-train on some thousands of them, adapt. Ours are generated
# cats with 24 points (nine are those of the Cat-Head data set). We pre-train for a short time on a folder of unlabelled crops. We
# compare with two other frozen auto-encoders: that of *people*, whose training had no cats, and one of random weights.

# %%
cats = GeneratedAnimals(seed=23, size=128).batch(range(150), want=("image", "landmarks"))
heads, points24 = arrays(cats["image"]), cats["landmarks"].numpy()
(folder / "cats").mkdir()
for i, head in enumerate(heads[:120]):  # no labels: images only
    save_image(head, folder / "cats" / f"{i:03d}.png")
steps = 100
facekit.pretrain(
    "fsma", folder / "cats", out=folder / "cats.safetensors", pool=folder, steps=steps, batch_size=8, progress=False
)

settings = dict(names=ANIMAL_POINTS, steps=150, lr=3e-3, batch_size=8, least_views=200, seed=0, progress=False)
weights = {f"cats,\n{steps} steps": folder / "cats.safetensors", "random": "none", "people": "embedded"}
cat_models = {
    name: facekit.adapt(heads[:20], points24[:20], weights=file, start="none", **settings)
    for name, file in weights.items()
}
table(
    ["frozen auto-encoder", "NME % on 30 unseen cats"],
    *([name.replace("\n", " "), facekit.evaluate(m, heads[120:], points24[120:])["nme_inter_ocular"]]
      for name, m in cat_models.items()),
)
rows = {"truth": [Landmarks(p, np.ones(24), ANIMAL_POINTS, h).draw()
                  for p, h in zip(points24[120:127], heads[120:127], strict=True)]}
show(rows | {name: [r.draw() for r in facekit.predict(m, list(heads[120:127]))] for name, m in cat_models.items()})

# %% [markdown]
# With twenty labelled cats, the frozen auto-encoder *of people* already gives a model of cats: its features of edges and eyes fit
# cats, too. The other two rows show that short pre-training does not help. A hundred steps do not learn features. They only change
# random ones, which are already useful because the skip layers read them. The paper pre-trains on 7,008 cat heads, for much longer.
# You can do the same with `facekit.pretrain` on a folder of your own.
#
# ## 9 · Labelling time saved (section 5.4, Table 6)
#
# The authors measured how long labelling took. `workload` computes hours from their measurements for your own numbers: how many
# images a usual training needs, and how many you label instead.

# %%
cases = [("landmarks", 2000, 100, None), ("segmentation", 2000, 50, None)]  # Table 6
cases += [("landmarks", 2000, 10, 5.0), ("landmarks", 40, 10, 5.0)]        # yours?
rows = []
for task, many, label, minutes in cases:
    hours = workload(task, many, label, minutes)
    pace = "the paper's" if minutes is None else f"{minutes:g} minutes per image"
    rows.append([task, many, label, pace, hours.by_hand, hours.few_shot, hours.saved])
table(["task", "all images", "few-shot", "pace", "all: hours", "few-shot: hours", "saved: hours"], *rows)

# %% [markdown]
# The first two rows are Table 6 (whose own sums are a little higher than those of its parts). The saved time counts only if the
# few-shot model is *good enough*. Measure this with labelled faces outside its training.
#
# ## 10 · What this small run cannot show
#
# - **The paper's accuracy.** Our auto-encoder has half the width and half the size (128 px), and was trained on 26,900 faces
#   instead of 2.1 million. Its reconstructions do not keep the identity. This limits all models on it.
# - **Real faces.** Generated faces imitate skin, light, cameras and annotators only roughly, and all come from one program. What
#   works here may fail on a phone's photo, and the reverse. In section 4 the warm start was trained on faces of the same program.
# - **The spread.** Ten faces, one draw, one seed, thirty test faces. Another draw changes the numbers; a difference of half a
#   percent means nothing.
# - **The full training.** Table 7 has thousands of steps, and we made a few hundred. A model that learns slowly (`00000`, the
#   UNet) looks worse than it is.
# - **The range of labels.** Tables 3 and 5 go from 0.5 % to 100 % of a data set; our models have 10 to 24 labelled images.
# - **Other methods.** Nothing here is compared with what others published (Tables 3 and 4).
# - **Visual quality.** Whether a drawing is good, or a face without its shadow looks natural, is judged by people at full size. SSIM
#   at 128 px does not measure it.
#
# `facekit reproduce` measures the same questions on real faces, over three draws.
#
# Exercises: change the skip code in section 2 to `"1100"`, the style in section 5 to `"comic"`, or the ten faces to five. Predict
# the result before you run it.

"""Weldbench and huggingface_hub fetch from the same small hub, each into a cache, and find what the other laid there."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PROGRAM = sys.argv[1]
MODEL = Path("tests/fixtures/flagembedding/model_safetensors")
TEXTS = "什么是气孔\nHow is hydrogen cracking avoided?\n"
COMMIT = "5617a9f61b028005a4858fdac845db406aefb181"
LARGE = 20_000
FILES = {path.name: path.read_bytes() for path in MODEL.iterdir() if path.name != "heads.safetensors"}


def sums(content):
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return git, hashlib.sha256(content).hexdigest()


class Hub(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, with_content):
        path = self.path.split("?")[0]
        if path.startswith("/api/models/"):
            siblings = []
            for name, content in FILES.items():
                git, sha256 = sums(content)
                entry = dict(rfilename=name, size=len(content), blobId=git)
                if len(content) >= LARGE:
                    entry["lfs"] = dict(sha256=sha256, size=len(content), pointerSize=134)
                siblings.append(entry)
            content = json.dumps(dict(id="toy/model", sha=COMMIT, siblings=siblings)).encode()
            return self.send(200, {"Content-Type": "application/json"}, content, with_content)
        name = path.rsplit("/", 1)[-1]
        if name not in FILES:
            return self.send(404, {"X-Error-Code": "EntryNotFound"}, b"", with_content)
        content = FILES[name]
        git, sha256 = sums(content)
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{git}"', "Accept-Ranges": "bytes"}
        if len(content) >= LARGE:
            headers |= {"X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(len(content))}
        begin = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0]
        if begin != "0":
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            return self.send(206, headers, content[int(begin):], with_content)
        self.send(200, headers, content, with_content)

    def send(self, status, headers, content, with_content):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_content:
            self.wfile.write(content)


server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()
endpoint = f"http://127.0.0.1:{server.server_port}"


def weldbench(home, *words):
    env = dict(os.environ, HF_HOME=str(home), HF_ENDPOINT=endpoint, WELDBENCH_HOME=str(home / "weldbench"))
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        env.pop(name, None)
    done = subprocess.run([PROGRAM, *words], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder)
    # huggingface_hub reads the environment when it is loaded.
    os.environ |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "python"), "HF_HUB_DISABLE_XET": "1", "no_proxy": "127.0.0.1"}
    import huggingface_hub
    from huggingface_hub import scan_cache_dir, snapshot_download

    ours = folder / "ours"
    fetched = Path(weldbench(ours, "fetch", "toy/model").strip())
    found = Path(snapshot_download("toy/model", cache_dir=ours / "hub", local_files_only=True))
    assert found.samefile(fetched), (found, fetched)
    for name, content in FILES.items():
        assert (found / name).read_bytes() == content, name
    scan = scan_cache_dir(ours / "hub")
    assert not scan.warnings and [repo.repo_id for repo in scan.repos] == ["toy/model"], scan
    assert [sorted(revision.refs) for revision in next(iter(scan.repos)).revisions] == [["main"]]
    # With everything there, it downloads nothing and leaves the cache as it is.
    before = sorted((path.name, path.lstat().st_mtime_ns) for path in (ours / "hub").rglob("*") if path.is_file())
    snapshot_download("toy/model", cache_dir=ours / "hub")
    after = sorted((path.name, path.lstat().st_mtime_ns) for path in (ours / "hub").rglob("*") if path.is_file())
    assert [path for path in after if path not in before and not path[0].endswith(".lock") and path[0] != "main"] == []
    print(f"huggingface_hub {huggingface_hub.__version__} finds what weldbench fetched: {len(FILES)} files")

    # Python goes on with what weldbench has begun, and the other way round.
    python = folder / "python"
    _, sha256 = sums(FILES["model.safetensors"])
    blobs = python / "hub" / "models--toy--model" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{sha256}.incomplete").write_bytes(FILES["model.safetensors"][:100_000])
    theirs = Path(snapshot_download("toy/model"))
    assert (theirs / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    (model,) = [json.loads(line) for line in weldbench(python, "models", "--json").splitlines()]
    assert (model["id"], model["kind"], model["revisions"]) == ("toy/model", "embedding", ["main"]), model
    assert Path(model["folder"]).samefile(theirs)
    events = [json.loads(line) for line in weldbench(python, "fetch", "toy/model", "--json").splitlines()]
    assert events[-1]["downloaded"] == 0, events
    (folder / "texts.txt").write_text(TEXTS)
    vectors = folder / "vectors.safetensors"
    weldbench(python, "encode", "--device", "cpu", "--model", "toy/model", "--input", str(folder / "texts.txt"), "--output", str(vectors))
    assert vectors.stat().st_size > 0
    print("weldbench finds what huggingface_hub downloaded, fetches nothing of it again, and encodes with it by name")

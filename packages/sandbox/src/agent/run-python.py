# A Python context. Cells come as lines of JSON on descriptor 3, results go to 4; stdout and stderr stay what they are.
import ast, asyncio, base64, builtins, inspect, json, linecache, os, sys, traceback, io

cells = os.fdopen(3, "r", encoding="utf8")
results = os.fdopen(4, "w", encoding="utf8", buffering=1)
os.set_inheritable(3, False)
os.set_inheritable(4, False)
os.environ.setdefault("MPLBACKEND", "Agg")
sys.path.insert(0, os.getcwd())
names = {"__name__": "__main__", "__builtins__": builtins}
loop = asyncio.new_event_loop()
MAX_TEXT = 100_000
METHODS = (
    ("text/html", "_repr_html_"), ("image/svg+xml", "_repr_svg_"), ("image/png", "_repr_png_"), ("image/jpeg", "_repr_jpeg_"),
    ("application/json", "_repr_json_"), ("text/markdown", "_repr_markdown_"), ("text/latex", "_repr_latex_"),
)


def tell(event):
    results.write(json.dumps(event) + "\n")


def text_of(value):
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def rich(value):
    data = {}
    if not isinstance(value, type):
        bundle = getattr(value, "_repr_mimebundle_", None)
        if callable(bundle):
            try:
                found = bundle()
                data.update({k: text_of(v) for k, v in ((found[0] if isinstance(found, tuple) else found) or {}).items()})
            except Exception:
                pass
        for mime, method in METHODS:
            call = getattr(value, method, None)
            if mime in data or not callable(call):
                continue
            try:
                found = call()
            except Exception:
                continue
            if found is not None:
                data[mime] = text_of(found)
        if type(value).__module__.startswith("matplotlib") and hasattr(value, "savefig"):
            image = io.BytesIO()
            value.savefig(image, format="png", bbox_inches="tight")
            data["image/png"] = text_of(image.getvalue())
    if isinstance(value, (dict, list)) and "application/json" not in data:
        try:
            json.dumps(value)
            data["application/json"] = value
        except Exception:
            pass
    data.setdefault("text/plain", repr(value)[:MAX_TEXT])
    return data


def display(*values):
    for value in values:
        tell({"data": rich(value)})


builtins.display = display


def figures():
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot:
        for number in pyplot.get_fignums():
            display(pyplot.figure(number))
        pyplot.close("all")


def evaluate(code):
    value = eval(code, names)
    return loop.run_until_complete(value) if code.co_flags & inspect.CO_COROUTINE else value


def run(text, name):
    tree = ast.parse(text, name, "exec")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    if tree.body:
        evaluate(compile(tree, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
    if last is not None:
        value = evaluate(compile(ast.Expression(last.value), name, "eval", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
        if value is not None:
            names["_"] = value
            tell({"data": rich(value), "isResult": True})
    figures()


def failure(error):
    frames = traceback.extract_tb(error.__traceback__)
    first = next((i for i, frame in enumerate(frames) if frame.filename.startswith("<cell")), len(frames))
    lines = [line for text in traceback.format_list(frames[first:]) for line in text.splitlines()]
    return {"name": type(error).__name__, "message": str(error), "traceback": lines}


for number, line in enumerate(cells, 1):
    text = json.loads(line)["code"]
    name = f"<cell {number}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), "")
    error = None
    try:
        run(text, name)
    except BaseException as thrown:
        error = failure(thrown)
    sys.stdout.flush()
    sys.stderr.flush()
    tell({"done": True, "error": error})

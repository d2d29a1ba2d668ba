"""Draws one chart and ends: `python drawing.py svg|png < spec`, or `bundle` for the browser's script.

A process of its own, because the renderer keeps 165 MB for ever and cannot be interrupted.
"""

import json
import sys

import vl_convert


def main() -> None:
    """Write the picture to standard output. Nothing is fetched: only inline data is allowed."""
    form = sys.argv[1]
    if form == "bundle":
        content = vl_convert.javascript_bundle().encode()  # type: ignore[call-arg]  # its stub forgets the default
    else:
        spec = json.loads(sys.stdin.buffer.read())
        if form == "svg":
            content = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]).encode()
        else:
            content = vl_convert.vegalite_to_png(spec, scale=2, allowed_base_urls=[])
    sys.stdout.buffer.write(content)


if __name__ == "__main__":
    main()

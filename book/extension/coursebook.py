"""What this book adds to Jupyter Book: mathematics without scripts, widgets without a kernel.

Pages load nothing from other hosts. Formulas become MathML, which browsers draw by themselves;
widgets are started by `assets/widgets.js` from the state that is stored in the notebook.
"""

from docutils import nodes
from latex2mathml.converter import convert


def _inline(self, node):
    self.body.append(convert(node.astext(), display="inline"))
    raise nodes.SkipNode


def _block(self, node):
    self.body.append(self.starttag(node, "div", CLASS="math"))
    self.body.append(convert(node.astext(), display="block"))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def _use_mathml(app, config):
    config.html_math_renderer = "mathml"


def _without_thebe(app, pagename, templatename, context, doctree):
    # Thebe would fetch a script from another host, and declares its settings twice.
    context["script_files"] = [
        file
        for file in context["script_files"]
        if "thebe"
        not in f"{getattr(file, 'filename', file)} {getattr(file, 'attributes', '')}".lower()
    ]


def _list_items(app, pagename, templatename, context, doctree):
    # ARIA 1.2 lets a list hold list items only; docutils still writes the older role of an entry.
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app):
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("config-inited", _use_mathml)
    app.connect("html-page-context", _without_thebe, priority=900)
    app.connect("html-page-context", _list_items)
    app.add_js_file("widgets.js", defer="defer")
    app.add_js_file("site.js", defer="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}

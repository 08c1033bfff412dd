"""Griffe extension: what is particular to this project's docstrings."""

import ast
import re

import griffe

_ROLE = re.compile(r':(?:func|class|meth|mod|data|attr):`(~?)([\w.]+)`')
_EXAMPLE = re.compile(r'^Example:$', re.M)


class ProjectDocstrings(griffe.Extension):
    """Links of Sphinx's roles, single examples and names imported lazily."""

    def on_module_members(self, *, node, mod, **_) -> None:
        """Add the names that ``lazy_names`` imports on first use."""
        if not isinstance(node, ast.Module):
            return
        for call in ast.walk(node):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Name)
                and call.func.id == 'lazy_names'
            ):
                arguments = [*call.args, *(k.value for k in call.keywords)]
                for argument in arguments:
                    if isinstance(argument, ast.Dict):
                        self._add_aliases(mod, ast.literal_eval(argument))

    def _add_aliases(self, module, names_of) -> None:
        module.exports = list(module.exports or [])
        for submodule, names in names_of.items():
            for name in names:
                target = f'{module.path}.{submodule}.{name}'
                module.set_member(name, griffe.Alias(name, target))
                module.exports.append(name)

    def on_package(self, *, pkg, **_) -> None:
        """Rewrite the docstrings of a package, once it is loaded."""
        self._rewrite(pkg)

    def _rewrite(self, found) -> None:
        if found.docstring:
            text = _EXAMPLE.sub('Examples:', found.docstring.value)
            found.docstring.value = _ROLE.sub(
                lambda role: self._link(found, *role.groups()), text
            )
        for member in found.members.values():
            if not member.is_alias:
                self._rewrite(member)

    def _link(self, found, short, name) -> str:
        target = name.lstrip('.')
        try:
            path = found.resolve(target)
        except griffe.NameResolutionError:
            path = target
        title = target.rpartition('.')[2] if short else target
        # Optional: not every name has a page.
        return (
            f'<autoref optional identifier="{path}"><code>{title}</code>'
            '</autoref>'
        )

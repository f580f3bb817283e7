"""The base of values that few are made of: their class costs little to make, at each start."""

from typing import Any, ClassVar, Self, dataclass_transform


@dataclass_transform(frozen_default=True)
class _ValueType(type):
    """Makes slots of the annotated fields of a class. What is assigned to one is its default."""

    def __new__(mcs, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> "_ValueType":
        fields = tuple(name for name in members.get("__annotations__", ()) if name[0] != "_")
        defaults = {field: members.pop(field) for field in fields if field in members}
        members |= {"__slots__": fields, "__match_args__": fields, "_defaults": defaults}
        return super().__new__(mcs, name, bases, members)


class Value(metaclass=_ValueType):
    """A value whose fields cannot be changed.

    It is what a frozen dataclass with slots is, but no code is generated for each class: that would
    be half a million instructions at each start. Making one takes microseconds: values of which
    there are many are named tuples.
    """

    __match_args__: ClassVar[tuple[str, ...]]
    _defaults: ClassVar[dict[str, Any]]

    def __init__(self, *values: Any, **named: Any) -> None:
        fields = self.__match_args__
        if len(values) > len(fields):
            raise TypeError(f"{type(self).__name__} has {len(fields)} fields")
        given = dict(zip(fields, values, strict=False))
        if given.keys() & named.keys() or named.keys() - set(fields):
            raise TypeError(f"{type(self).__name__} has the fields {', '.join(fields)}, each once")
        given = self._defaults | given | named
        for field in fields:
            if field not in given:
                raise TypeError(f"{type(self).__name__} needs {field}")
            object.__setattr__(self, field, given[field])

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} of {type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{name} of {type(self).__name__} cannot be removed")

    def __repr__(self) -> str:
        fields = (f"{name}={value!r}" for name, value in self.as_dict().items())
        return f"{type(self).__name__}({', '.join(fields)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        return type(self), self._values()

    def replaced(self, **changed: Any) -> Self:
        """The same value with other fields."""
        return type(self)(**self.as_dict() | changed)

    def as_dict(self) -> dict[str, Any]:
        """The fields by their names."""
        return dict(zip(self.__match_args__, self._values(), strict=True))

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, field) for field in self.__match_args__)

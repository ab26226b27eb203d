"""A GPU that is pretended: tensors that say they lie on one, and are computed with on the CPU.

They are refused beside tensors of the CPU and become no NumPy arrays, as on a GPU, so that what
moves only a part of what it computes with fails without one, too. Convolutions round float32 to
10 bits unless they are told not to, as a GPU's do by default. Otherwise how a GPU rounds, and how
fast it is, this cannot tell. Autograd, optimisers, modules and tracing work; PyTorch's compiler,
autocast and generators of random numbers do not, and other processes know nothing of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, fx
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

GPU = torch.device("cuda", 0)

CROSSING = {
    Tensor.to,
    Tensor.cpu,
    Tensor.copy_,
    Tensor.type_as,
    Tensor.__getitem__,
    Tensor.__setitem__,
}
"""What takes tensors of both kinds."""

CONVOLUTIONS = {F.conv1d, F.conv2d, torch.conv1d, torch.conv2d}
PLAIN = (torch.device, torch._C._nn._parse_to)
"""What names devices and takes no tensors."""


class OnGpu(Tensor):
    """A tensor that is said to lie on a GPU. Its values are in `held`, on the CPU."""

    held: Tensor

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        """Call a function of PyTorch, of which some arguments are such tensors."""
        return NotImplemented if _is_traced(types) else _call(func, args, kwargs or {})


@contextlib.contextmanager
def pretended_gpu() -> Iterator[torch.device]:
    """Let tensors be moved to a GPU that is pretended, within this context."""
    stand_ins: dict[str, Callable[..., Any]] = {
        "torch.cuda.get_rng_state": lambda device: torch.zeros(16, dtype=torch.uint8),
        "torch.cuda.set_rng_state": lambda state, device: None,
        "torch.cuda.mem_get_info": lambda device: (2**37, 2**37),
    }
    with contextlib.ExitStack() as stack:
        for name, stand_in in stand_ins.items():
            stack.enter_context(mock.patch(name, stand_in))
        stack.enter_context(_Pretended())
        yield GPU


class _Pretended(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        how = kwargs or {}
        return func(*args, **how) if _is_traced(types) else _call(func, args, how)


def _is_traced(types: Sequence[type]) -> bool:
    """Return whether some of a function's arguments stand for values that are not known yet."""
    return any(issubclass(kind, fx.Proxy) for kind in types)


def _call(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call a function of PyTorch as if what is labelled lay on a GPU."""
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    labelled = [isinstance(tensor, OnGpu) for tensor in tensors]
    if func in PLAIN:
        return func(*args, **kwargs)
    if func is torch._has_compatible_shallow_copy_type:
        return len(set(labelled)) == 1
    devices = [device for device in map(_device, leaves) if device]
    if any(labelled):
        attribute = getattr(func, "__self__", None)
        if attribute is Tensor.device:
            return GPU
        if attribute is Tensor.is_cuda:
            return True
        if func in (Tensor.numpy, Tensor.__array__):
            raise TypeError("can't convert a tensor of a GPU to NumPy: use Tensor.cpu() first")
        indexed = func in (Tensor.__getitem__, Tensor.__setitem__) and not labelled[0]
        if indexed or (func not in CROSSING and not devices and _is_mixed(tensors)):
            raise RuntimeError(f"{func} got tensors of the CPU and of the GPU: {_said(tensors)}")
    to_gpu = any(labelled) and func is not Tensor.cpu
    if func is Tensor.copy_:
        to_gpu = labelled[0]
    if func in (Tensor.to, Tensor.type_as) and len(tensors) == 2:
        to_gpu = labelled[1]
    elif devices:
        to_gpu = devices[-1] == "cuda"
    held, options = tree_map(_held, (args, kwargs))
    with torch._C.DisableTorchFunctionSubclass():
        if to_gpu and func in CONVOLUTIONS and torch.backends.cudnn.allow_tf32:
            held = [_rounded(held[0]), _rounded(held[1]), *held[2:]]
        found = func(*held, **options)
    known = {id(tensor.held): tensor for tensor in tensors if isinstance(tensor, OnGpu)}

    def labelled_again(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if not to_gpu:
            return value.clone() if id(value) in known else value  # which moving to a CPU copies
        if id(value) in known:
            return known[id(value)]
        is_copy = func is Tensor.__deepcopy__
        return _label(value, of_parameter=is_copy and isinstance(tensors[0], torch.nn.Parameter))

    return tree_map(labelled_again, found)


def _device(leaf: object) -> str:
    """Return the type of a device, and nothing for anything else."""
    if isinstance(leaf, torch.device):
        return leaf.type
    kind = leaf.partition(":")[0] if isinstance(leaf, str) else ""
    return kind if kind in ("cpu", "cuda") else ""


def _held(leaf: Any) -> Any:
    """Return what computes in place of a labelled tensor, or of a GPU."""
    if isinstance(leaf, OnGpu):
        return leaf.held
    return "cpu" if _device(leaf) == "cuda" else leaf


def _rounded(values: Tensor) -> Tensor:
    """Round float32 to the 10 bits of TF32; gradients pass."""
    if values.dtype != torch.float32:
        return values
    with torch.no_grad():
        bits = values.detach().contiguous().view(torch.int32)
        rounded = ((bits + 0x1000) & ~0x1FFF).view(torch.float32).reshape(values.shape)
        difference = rounded - values.detach()
    return values + difference


def _label(values: Tensor, *, of_parameter: bool = False) -> OnGpu:
    with torch._C.DisableTorchFunction():
        tensor = Tensor._make_subclass(OnGpu, torch.empty(0))
    tensor.held = values
    if of_parameter:
        tensor._is_param = True  # by which PyTorch knows parameters of other types than its own
    return tensor


def _is_mixed(tensors: Sequence[Tensor]) -> bool:
    """Return whether some lie on the CPU, other than single numbers."""
    return any(not isinstance(tensor, OnGpu) and tensor.ndim for tensor in tensors)


def _said(tensors: Sequence[Tensor]) -> str:
    return ", ".join(f"{each.device.type} {tuple(each.shape)}" for each in tensors)

#!/usr/bin/python3
"""peer.py - the same training step in PyTorch: a worker of bench (worker.h).

Our own few lines of GRU4Rec: GRU cell, shared embedding, sampled softmax or
bpr-max, sparse Adagrad with merged duplicates. Random rows in place of sessions: the
arithmetic of a step does not depend on them. The first line says which kernels PyTorch's
BLAS uses, and which PyTorch it is. A request is "TIMES WORKLOAD THREADS"; the answer, the
seconds of so many steps, after one that is not counted: it finds the caches full of others'
data.
"""
import ctypes
import itertools
import os
import sys
import time

import torch

WORKLOADS = {
    "W1": dict(items=37000, width=100, lanes=32, samples=2048, loss="xe", rate=0.05, momentum=0.0, p_embed=0.3,
               p_hidden=0.2),
    "W2": dict(items=37000, width=224, lanes=80, samples=2048, loss="bpr-max", rate=0.05, momentum=0.4, p_embed=0.5,
               p_hidden=0.05),
}


class Peer:
    def __init__(self, items, width, lanes, samples, loss, rate, momentum, p_embed, p_hidden):
        torch.manual_seed(1)
        self.__dict__.update(lanes=lanes, samples=samples, loss=loss, rate=rate, momentum=momentum,
                             p_embed=p_embed, p_hidden=p_hidden, items=items)
        self.table = torch.randn(items, width) * 0.1
        self.bias = torch.zeros(items)
        self.cell = torch.nn.GRUCell(width, width)
        self.acc = {}
        self.velocity = {}
        self.state = torch.zeros(lanes, width)
        self.popularity = (torch.arange(1, items + 1).float() + 20) ** -0.5
        self.log_support = torch.log(1e6 / (torch.arange(1, items + 1).float() + 20))
        self.draw()

    def draw(self):
        """Samples for many steps at once, as the official code keeps them."""
        self.store = torch.multinomial(self.popularity, self.samples * 200, replacement=True)
        self.at = 0

    def rows(self):
        if self.at + self.samples > len(self.store):
            self.draw()
        self.at += self.samples
        return self.store[self.at - self.samples:self.at]

    def adagrad(self, name, parameter, gradient, rows=None):
        acc = self.acc.setdefault(name, torch.zeros_like(parameter))
        velocity = self.velocity.setdefault(name, torch.zeros_like(parameter)) if self.momentum else None
        if rows is None:
            acc += gradient ** 2
            move = -self.rate * gradient / torch.sqrt(acc + 1e-6)
            if velocity is not None:
                velocity.mul_(self.momentum).add_(move)
                move = velocity
            parameter += move
            return
        new = acc[rows] + gradient ** 2
        acc[rows] = new
        move = -self.rate * gradient / torch.sqrt(new + 1e-6)
        if velocity is not None:
            move = self.momentum * velocity[rows] + move
            velocity[rows] = move
        parameter.index_add_(0, rows, move)

    def step(self):
        inputs = torch.randint(self.items, (self.lanes,))
        targets = torch.randint(self.items, (self.lanes,))
        columns = torch.cat([targets, self.rows()])
        x = self.table[inputs].requires_grad_()
        out = self.table[columns].requires_grad_()
        bias = self.bias[columns].requires_grad_()
        h = self.cell(torch.nn.functional.dropout(x, self.p_embed), self.state)
        h = torch.nn.functional.dropout(h, self.p_hidden)
        scores = h @ out.T + bias
        if self.loss == "xe":
            correction = self.log_support[columns].clone()
            correction[self.lanes:] *= 0.5
            cost = torch.nn.functional.cross_entropy(scores - correction, torch.arange(self.lanes))
        else:
            r = torch.nn.functional.elu(scores, 0.5)
            t = r.diagonal().unsqueeze(1)
            others = r.masked_fill(torch.eye(self.lanes, r.shape[1], dtype=torch.bool), -1e9)
            s = torch.softmax(others, 1)
            safe = others.clamp(min=-1e3)
            cost = (-torch.log((s * torch.sigmoid(t - safe)).sum(1) + 1e-24) + 1.95 * (s * safe ** 2).sum(1)).mean()
        dense = list(self.cell.named_parameters())
        gradients = torch.autograd.grad(cost, [x, out, bias] + [p for _, p in dense])
        with torch.no_grad():
            self.state = h.detach()
            for (name, parameter), gradient in zip(dense, gradients[3:]):
                self.adagrad(name, parameter, gradient)
            every = torch.cat([columns, inputs])
            rows, place = torch.unique(every, return_inverse=True)
            merged = torch.zeros(len(rows), x.shape[1]).index_add_(0, place, torch.cat([gradients[1], gradients[0]]))
            self.adagrad("table", self.table, merged, rows)
            rows, place = torch.unique(columns, return_inverse=True)
            merged = torch.zeros(len(rows)).index_add_(0, place, gradients[2])
            self.adagrad("bias", self.bias, merged, rows)


def find_openblas():
    """The OpenBLAS that PyTorch brought into this process, or None."""
    with open("/proc/self/maps") as maps:
        for path in sorted({line.split()[-1] for line in maps if "blas" in line}):
            library = ctypes.CDLL(path)
            if hasattr(library, "openblas_get_corename"):
                library.openblas_get_corename.restype = ctypes.c_char_p
                return library
    return None


def answer(peer, times, threads):
    peer.step()
    for _ in range(times):
        begin = time.monotonic()
        peer.step()
        print("%.9f" % (time.monotonic() - begin), end=" ")
    if threads > 1:
        time.sleep(0.1)  # until the other threads, which wait busily for more, sleep
    print(flush=True)


def main():
    openblas, peer, last = find_openblas(), None, None
    if len(sys.argv) == 1:
        core = openblas.openblas_get_corename().decode() if openblas else "not-OpenBLAS"
        print(core, "PyTorch", torch.__version__, flush=True)
    for line in itertools.chain(sys.argv[1:], sys.stdin):
        times, workload, threads = line.split()
        if peer and threads != last[1]:  # a new process: threads once made stay
            os.execv(sys.executable, [sys.executable, __file__, line])
        if (workload, threads) != last:
            torch.set_num_threads(int(threads))
            if openblas:
                openblas.openblas_set_num_threads(int(threads))
            peer, last = Peer(**WORKLOADS[workload]), (workload, threads)
            for _ in range(10):
                peer.step()
        answer(peer, int(times), int(threads))


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # nobody wants the answer any more
        os._exit(0)

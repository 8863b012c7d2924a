#!/usr/bin/env python3
"""janus-lsp-server as an editor meets it: diagnostics on opening, definitions, hover, a clean end; one copy of MLIR.

  lsp.py JANUS_LSP_SERVER

Speaks the Language Server Protocol over pipes. A reply that does not come within TIMEOUT seconds fails the test.
"""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable

TIMEOUT = 20

# Line 3 reads a weight of another shape than line 1 declares.
WRONG = """\
module {
  moe.weight @table : tensor<16x8xf32> value dense<1.0> : tensor<16x8xf32>
  func.func @step(%ids: tensor<?xi32>) {
    %0 = moe.get_weight @table : tensor<8x16xf32>
    return
  }
}
"""
RIGHT = WRONG.replace("8x16", "16x8").replace("    return", "    %1 = moe.embedding %ids, %0 : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>\n    return")


class Client:
    def __init__(self, server: str):
        self.process = subprocess.Popen([server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.messages: queue.Queue = queue.Queue()
        self.next_id = 0
        threading.Thread(target=self.read, daemon=True).start()
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def read(self) -> None:
        stream = self.process.stdout
        while line := stream.readline():
            length = 0
            while line.strip():
                name, value = line.split(b":")
                length = int(value) if name.lower() == b"content-length" else length
                line = stream.readline()
            self.messages.put(json.loads(stream.read(length)))

    def send(self, method: str, params: object, **more: object) -> None:
        data = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.process.stdin.flush()

    def wait(self, what: str, accept: Callable[[dict], bool]) -> dict:
        while True:
            try:
                message = self.messages.get(timeout=TIMEOUT)
            except queue.Empty:
                self.process.kill()
                sys.exit(f"lsp.py: no {what} within {TIMEOUT} s")
            if accept(message):
                return message

    def ask(self, method: str, params: object) -> object:
        self.next_id += 1
        self.send(method, params, id=self.next_id)
        reply = self.wait(f"reply to {method}", lambda m: m.get("id") == self.next_id and "method" not in m)
        if "error" in reply:
            sys.exit(f"lsp.py: {method}: {reply['error']}")
        return reply["result"]

    def open(self, uri: str, text: str) -> list[dict]:
        """The diagnostics of a document."""
        self.send("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "mlir", "version": 1, "text": text}})
        message = self.wait(f"diagnostics of {uri}", lambda m: m.get("method") == "textDocument/publishDiagnostics" and m["params"]["uri"] == uri)
        return message["params"]["diagnostics"]


def position(text: str, line: int, word: str) -> dict:
    return {"line": line, "character": text.splitlines()[line].index(word) + 1}


def main(server: str) -> int:
    failed = 0

    def check(name: str, ok: bool, found: object) -> None:
        nonlocal failed
        failed += not ok
        print(f"{'ok  ' if ok else 'FAIL'} {name}{'' if ok else f': {found}'}", flush=True)

    client = Client(server)
    capabilities = client.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}, "trace": "off"})["capabilities"]
    check("it offers definitions and hover", capabilities.get("definitionProvider") and capabilities.get("hoverProvider"), capabilities)
    client.send("initialized", {})

    wrong = client.open("file:///wrong.mlir", WRONG)
    check("an operation that its verifier refuses is marked, on its line, with what it expects",
          [(d["range"]["start"]["line"], d["severity"]) for d in wrong] == [(3, 1)] and "'tensor<16x8xf32>'" in wrong[0]["message"], wrong)

    uri = "file:///right.mlir"
    right = client.open(uri, RIGHT)
    check("a right document has no diagnostics", right == [], right)

    def lines(method: str, where: dict, **more: object) -> list[int]:
        found = client.ask(method, {"textDocument": {"uri": uri}, "position": where, **more})
        return sorted(location["range"]["start"]["line"] for location in found)

    found = lines("textDocument/definition", position(RIGHT, 3, "@table"))
    check("the definition of a weight's symbol is the moe.weight", found == [1], found)
    found = lines("textDocument/definition", position(RIGHT, 4, "%0"))
    check("the definition of a value is the operation that makes it", found == [3], found)
    hover = client.ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": position(RIGHT, 4, "moe.embedding")})
    check("hovering over an operation names it", "moe.embedding" in json.dumps(hover), hover)

    client.ask("shutdown", None)
    client.send("exit", None)
    try:
        code = client.process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        client.process.kill()
        code = "still running"
    check("it ends when told to", code == 0, code)

    # A static MLIR beside libMLIR.so would define what the shared one does, with dialect and type identifiers of its own.
    symbols = subprocess.run(["nm", "-C", server], capture_output=True, text=True, check=True).stdout
    kinds = {line.split(" mlir::")[0].split()[-1] for line in symbols.splitlines() if " mlir::Operation::emitOpError(" in line}
    check("MLIR comes from libMLIR.so alone", kinds == {"U"}, kinds)
    return failed > 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))

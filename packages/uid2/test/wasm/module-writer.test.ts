import { expect, it } from 'vitest';

import {
  doWhile,
  i32Add,
  i32Const,
  i32Shl,
  i32Store16,
  i32Sub,
  localGet,
  localSet,
} from '../../src/wasm/instructions.ts';
import { signed, unsigned, writeModule } from '../../src/wasm/module-writer.ts';

interface Runtime {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> };
}

it.each([
  [0, [0]],
  [127, [0x7f]],
  [128, [0x80, 0x01]],
  [624_485, [0xe5, 0x8e, 0x26]],
  [0xffff_ffff, [0xff, 0xff, 0xff, 0xff, 0x0f]],
])('unsigned writes %i as LEB128', (value, bytes) => {
  expect(unsigned(value)).toEqual(bytes);
});

it.each([
  [0, [0]],
  [63, [0x3f]],
  [64, [0xc0, 0x00]],
  [-1, [0x7f]],
  [-64, [0x40]],
  [-123_456, [0xc0, 0xbb, 0x78]],
])('signed writes %i as LEB128', (value, bytes) => {
  expect(signed(value)).toEqual(bytes);
});

it('writeModule makes a module whose functions run and share the memory', () => {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: Runtime };
  const [address, count] = [0, 1];
  const writeCounts = doWhile(
    [
      i32Store16(localGet(address), 0, i32Add(localGet(count), i32Const(1000))),
      localSet(address, i32Add(localGet(address), i32Const(2))),
      localSet(count, i32Sub(localGet(count), i32Const(1))),
    ],
    localGet(count),
  );
  const doubled = i32Store16(localGet(0), 0, i32Shl(i32Const(-3), 1));
  const bytes = writeModule(
    [
      { name: 'counts', parameters: 2, integers: 0, vectors: 0, body: writeCounts },
      { name: 'doubled', parameters: 1, integers: 3, vectors: 2, body: doubled },
    ],
    1,
  );
  const {
    memory,
    counts,
    doubled: run,
  } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as {
    memory: { buffer: ArrayBuffer };
    counts: (address: number, count: number) => void;
    doubled: (address: number) => void;
  };
  counts(8, 3);
  run(14);
  expect([...new Int16Array(memory.buffer, 0, 8)]).toEqual([0, 0, 0, 0, 1003, 1002, 1001, -6]);
  expect(memory.buffer.byteLength).toBe(65_536);
});

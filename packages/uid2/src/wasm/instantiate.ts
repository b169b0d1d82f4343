import { writeModule } from './module-writer.ts';
import type { WasmFunction } from './module-writer.ts';

/** The part of the WebAssembly interface that is used here; the type libraries for servers leave it out. */
interface WebAssemblyInterface {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
  validate(bytes: Uint8Array): boolean;
}

export type Instance<Functions> = Functions & { readonly memory: { readonly buffer: ArrayBuffer } };

/** An instance of the module of these functions; undefined where the runtime or the processor has no vectors. */
export function instantiate<Functions>(
  functions: readonly WasmFunction[],
  memoryPages: number,
): Instance<Functions> | undefined {
  const { WebAssembly: wasm } = globalThis as { readonly WebAssembly?: WebAssemblyInterface };
  const program = writeModule(functions, memoryPages);
  if (wasm?.validate(program) !== true) return undefined;
  return new wasm.Instance(new wasm.Module(program)).exports as Instance<Functions>;
}

export { REFERENCE_PORTS, startReferenceStack } from './reference-stack.ts';
export type { ReferencePorts, ReferenceStack } from './reference-stack.ts';
export { startService } from './service-start.ts';
export type { StartedService } from './service-start.ts';
export { editFile, editStore } from './home-edits.ts';
export { freePortBlock, isListening } from './ports.ts';
export { HoldfastProcess, runHoldfast, waitFor } from './holdfast-process.ts';
export type { ReadyFile } from './holdfast-process.ts';
export { ServiceProcess } from './service-process.ts';

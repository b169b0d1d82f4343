export { editFile, editStore } from './home-edits.ts';
export { freePortBlock, isListening } from './ports.ts';
export { HoldfastProcess, runHoldfast, waitFor } from './holdfast-process.ts';
export type { ReadyFile } from './holdfast-process.ts';

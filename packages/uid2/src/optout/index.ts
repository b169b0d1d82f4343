/** What it takes to read an opt-out file, without the rest of the package: for threads that do nothing else. */
export { takeOverOptOutFile } from './optout-segment.ts';

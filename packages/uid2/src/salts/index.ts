/** What it takes to read a salt file, without the rest of the package: for threads that do nothing else. */
export { SaltFileParser } from './salt-file.ts';

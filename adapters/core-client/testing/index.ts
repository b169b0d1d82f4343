export { FakeCore } from './fake-core.ts';
export type { FakeAnswer, FakeRequest } from './fake-core.ts';
export { settleTicks, VirtualTime } from './virtual-time.ts';

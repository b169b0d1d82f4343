export { startFakeOperator } from './fake-operator.ts';
export type { FakeOperator } from './fake-operator.ts';
export { fakeServeCommand } from './fake-serve-command.ts';
export { freePortBase } from './free-port-base.ts';
export { openIdentityCloud, startScriptCloud } from './identity-cloud.ts';
export type { IdentityCloud } from './identity-cloud.ts';
export { temporaryFolder } from './temporary-folder.ts';
export { waitFor } from './wait-for.ts';

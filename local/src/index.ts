export { buildArmApp, createArmWorld } from './arm/index.ts';
export * from './azure/index.ts';
export { errorCodes } from './error-codes.ts';
export { homeLayout, loadCredentials } from './home/index.ts';
export type { ClientCredentials, Credentials, HomeLayout } from './home/index.ts';
export { buildLocalImages } from './images/build-local-image.ts';
export type { LocalImage, LocalImageDefinition } from './images/build-local-image.ts';
export { imageFolders, REPOSITORY } from './images/image-folders.ts';
export { bundleProgram } from './images/bundle-program.ts';
export type { ProgramBundle } from './images/bundle-program.ts';
export { kafkaSampleImages } from './images/service-images.ts';
export type { RunningPod, RunPodOptions } from './up/run-pod.ts';
export { generateKataPod, KATA_POLICY_ANNOTATION } from './virtual-node/kata-pod.ts';
export type { Deploy, DeployEvent, DeployRequest } from './up/operator-start.ts';
export * from './peer-pod/index.ts';
export { LOCAL_CLOUD_PARTS } from './up/parts.ts';
export type { LocalCloudPart } from './up/parts.ts';
export type { ProgressEvent } from './up/progress.ts';
export { findRedisServer, REDIS_SERVER_MISSING } from './redis/index.ts';
export { startLocalCloud } from './up/start-local-cloud.ts';
export type { LocalCloud, LocalCloudOptions } from './up/start-local-cloud.ts';
export { removeReadyFile, writeReadyFile } from './up/ready-file.ts';
export type { ReadyFile } from './up/ready-file.ts';
export type { ProvedCheck } from './up/verify.ts';
export { ClientKeySet, Uid2Client } from './uid2-client/index.ts';
export type {
  DecryptedToken,
  IdentityInput,
  MappedInput,
  TokenIdentity,
  TokenOutcome,
  Uid2ClientOptions,
} from './uid2-client/index.ts';

export { LoopbackAddresses } from './loopback-addresses.ts';
export type { PublishedPort } from './load-balancer-controller.ts';
export { startControllers } from './start-controllers.ts';
export type { ControllersOptions, RunningControllers } from './start-controllers.ts';
export { TcpForwarder } from './tcp-forwarder.ts';
export { machineTimers, timestamp } from './timers.ts';
export type { Timers } from './timers.ts';

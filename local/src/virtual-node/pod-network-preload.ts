import { Server, Socket } from 'node:net';

/*
 * Loaded into every program of a pod before the program itself. A container has a network of its own, in which every wildcard
 * and every loopback address is the pod's; programs on this machine share one. So addresses are translated here: what listens
 * on any or on the local host listens on the pod's loopback address, and what connects to the local host connects to that.
 * Nothing measured changes for it: neither the program nor its arguments nor the variables that a policy knows.
 */

interface PodNetwork {
  /** The pod's address, from 127.0.0.0/8. */
  readonly address: string;
  /** Ports of 127.0.0.1 that stand for places outside of the pod: endpoints of its guest, and services of the local cloud. */
  readonly hostPorts: readonly number[];
}

interface Target {
  host?: string;
  port?: number | string;
}

const ANY = new Set(['', '0.0.0.0', '::', '[::]', '*']);
const LOCAL = new Set(['localhost', '127.0.0.1', '::1', '[::1]']);

const { address, hostPorts } = JSON.parse(process.env['HOLDFAST_POD_NETWORK'] ?? '{}') as Partial<PodNetwork>;

if (address !== undefined) isolate(address, new Set(hostPorts));

function isolate(own: string, outside: ReadonlySet<number>): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with its receiver below
  const { listen } = Server.prototype;
  // oxlint-disable-next-line typescript/unbound-method -- called with its receiver below
  const { connect } = Socket.prototype;
  Server.prototype.listen = function (this: Server, ...given: unknown[]): Server {
    return Reflect.apply(listen, this, listenArguments(given, own)) as Server;
  } as typeof listen;
  Socket.prototype.connect = function (this: Socket, ...given: unknown[]): Socket {
    return Reflect.apply(connect, this, connectArguments(given, own, outside)) as Socket;
  };
}

/** `listen(port, host?, …)` and `listen({port, host}, …)`; paths and handles are left alone. */
function listenArguments([first, ...rest]: readonly unknown[], own: string): unknown[] {
  if (typeof first === 'object' && first !== null && 'port' in first) {
    const { host = '' } = first as Target;
    return [isOwn(host) ? { ...first, host: own } : first, ...rest];
  }
  const isPort = typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first));
  if (first !== undefined && typeof first !== 'function' && !isPort) return [first, ...rest];
  const port = isPort ? first : 0;
  const others = typeof first === 'function' ? [first, ...rest] : rest;
  const [host] = others;
  if (typeof host !== 'string') return [port, own, ...others];
  return [port, isOwn(host) ? own : host, ...others.slice(1)];
}

/** `connect(port, host?, …)`, `connect({port, host}, …)`, and the list of these that Node itself passes on. */
function connectArguments([first, ...rest]: readonly unknown[], own: string, outside: ReadonlySet<number>): unknown[] {
  if (Array.isArray(first)) {
    // The list carries a mark of Node's, so it is changed and not copied.
    first[0] = redirected(first[0], own, outside);
    return [first, ...rest];
  }
  if (typeof first === 'object' && first !== null) return [redirected(first, own, outside), ...rest];
  const isPort = typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first));
  if (!isPort) return [first, ...rest];
  const [host, ...others] = typeof rest[0] === 'string' ? rest : ['localhost', ...rest];
  const target = redirected({ port: first, host }, own, outside) as Target;
  return [first, target.host, ...others];
}

function redirected(target: unknown, own: string, outside: ReadonlySet<number>): unknown {
  if (typeof target !== 'object' || target === null) return target;
  const { host = 'localhost', port } = target as Target;
  // Without a port it is a local socket, by its path.
  if (port === undefined || !isOwn(host)) return target;
  return outside.has(Number(port)) ? target : { ...target, host: own };
}

function isOwn(host: string): boolean {
  return ANY.has(host) || LOCAL.has(host.toLowerCase());
}

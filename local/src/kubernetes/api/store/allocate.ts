import { isMap, listAt, stringAt, valueAt } from '../objects.ts';
import type { ClusterObject } from '../objects.ts';

const FIRST_NODE_PORT = 30_000;
const NODE_PORTS = 2768;
/** Addresses of services: 10.0.0.0/16, as AKS has them. The first one is the API server's. */
const SERVICE_ADDRESSES = 65_534;

/** Gives a service its cluster address and node ports, keeping those it has. Changes the object. */
export function allocateService(
  service: Record<string, unknown>,
  previous: ClusterObject | undefined,
  others: readonly ClusterObject[],
): void {
  const spec = service['spec'];
  if (!isMap(spec)) return;
  const type = spec['type'];
  if (type === 'ExternalName') {
    delete spec['clusterIP'];
    delete spec['clusterIPs'];
    return;
  }
  spec['ipFamilies'] ??= ['IPv4'];
  spec['ipFamilyPolicy'] ??= 'SingleStack';
  spec['clusterIP'] ??= stringAt(previous, 'spec', 'clusterIP');
  if (spec['clusterIP'] === undefined || spec['clusterIP'] === '') spec['clusterIP'] = freeAddress(others);
  spec['clusterIPs'] ??= [spec['clusterIP']];
  if (type !== 'NodePort' && type !== 'LoadBalancer') {
    for (const port of listAt(spec, 'ports')) if (isMap(port)) delete port['nodePort'];
    return;
  }
  const taken = new Set(others.flatMap((one) => listAt(one, 'spec', 'ports').map((port) => valueAt(port, 'nodePort'))));
  const before = listAt(previous, 'spec', 'ports');
  for (const port of listAt(spec, 'ports')) {
    if (!isMap(port)) continue;
    const same = before.find(
      (one) => valueAt(one, 'port') === port['port'] && valueAt(one, 'protocol') === port['protocol'],
    );
    port['nodePort'] ??= valueAt(same, 'nodePort') ?? freePort(taken);
    taken.add(port['nodePort']);
  }
}

function freeAddress(others: readonly ClusterObject[]): string {
  const taken = new Set(others.map((one) => stringAt(one, 'spec', 'clusterIP')));
  for (let index = 1; index < SERVICE_ADDRESSES; index += 1) {
    const address = `10.0.${index >> 8}.${index & 255}`;
    if (!taken.has(address)) return address;
  }
  return 'None';
}

function freePort(taken: ReadonlySet<unknown>): number {
  for (let port = FIRST_NODE_PORT; port < FIRST_NODE_PORT + NODE_PORTS; port += 1) if (!taken.has(port)) return port;
  return FIRST_NODE_PORT;
}

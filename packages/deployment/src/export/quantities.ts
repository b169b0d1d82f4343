import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';

/** A quantity that costs money; prices are those of the region. */
export interface Quantity {
  readonly what: string;
  readonly quantity: string;
}

/** What a deployment consumes. Whether container groups are billed by requests or by limits is not documented: both stand here. */
export function quantities(config: Uid2Vn2Config): readonly Quantity[] {
  const { pool, tier } = config.aks;
  const { replicas } = config.operator;
  const times = (each: number, unit: string): string => `${Math.round(each * replicas * 100) / 100} ${unit}`;
  return [
    { what: `AKS cluster, tier ${tier}`, quantity: '1 cluster' },
    { what: `Nodes ${pool.vmSize}`, quantity: `${pool.min} to ${pool.max} machines` },
    { what: 'Confidential container groups, by requests', quantity: `${times(6.1, 'vCPU')}, ${times(24.5, 'GiB')}` },
    { what: 'Confidential container groups, by limits', quantity: `${times(8.25, 'vCPU')}, ${times(26.2, 'GiB')}` },
    { what: 'The same again while an upgrade runs', quantity: `${config.operator.rollbackWindow} for each upgrade` },
    { what: 'NAT gateway', quantity: '1, and the GB it processes' },
    {
      what: 'Public addresses',
      quantity: config.operator.exposure.kind === 'public' ? '3 (NAT, cluster, Service)' : '2 (NAT, cluster)',
    },
    { what: 'Standard load balancer', quantity: '1, its rules and GB' },
    { what: 'Key Vault', quantity: 'a few operations for each start of a pod' },
    { what: 'Log Analytics', quantity: 'the GB that are kept, when the cluster or the vault sends its logs there' },
    {
      what: 'TLS in front of the Service',
      quantity: 'an application gateway or what you use, which is not part of this',
    },
    { what: 'Answers to clients', quantity: 'the GB that leave the region' },
    { what: 'Data from other clouds', quantity: 'every replica downloads its data through the NAT gateway' },
  ];
}

import { errorMessage } from '@holdfast/base';
import { expect, it } from 'vitest';

import { GrpcCaller } from '../src/grpc/caller.ts';
import { referenceValueServiceDefinition } from '../src/grpc/definitions.ts';

it.each(['http://127.0.0.1', 'http://127.0.0.1:80'])(
  'a call to %s goes to port 80, whoever listens there',
  async (address) => {
    const caller = new GrpcCaller(address, referenceValueServiceDefinition);
    const reason = await caller.call('QueryReferenceValue', { 1: 'svn' }).then(() => '', errorMessage);
    caller.close();
    expect(reason).not.toContain(':443');
  },
);

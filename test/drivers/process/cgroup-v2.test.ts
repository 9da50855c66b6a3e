import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { openCgroups } from '../../../src/drivers/process/supervisor/cgroup.ts';

/** The files that a v2 hierarchy has, without a kernel behind them: what is written where. */
function aHierarchy(t: TestContext, own: string): { proc: string; mount: string } {
  const dir = mkdtempSync(join(tmpdir(), 'openstage-cgroup-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const [proc, mount] = [join(dir, 'proc'), join(dir, 'cgroup')];
  mkdirSync(proc);
  mkdirSync(join(mount, own), { recursive: true });
  for (const each of [mount, join(mount, own)]) {
    writeFileSync(join(each, 'cgroup.controllers'), 'cpuset cpu io memory pids\n');
    writeFileSync(join(each, 'cgroup.subtree_control'), '');
  }
  writeFileSync(join(proc, 'mountinfo'), `31 23 0:28 / ${mount} rw,relatime - cgroup2 cgroup2 rw\n`);
  writeFileSync(join(proc, 'cgroup'), `0::${own}\n`);
  return { proc, mount };
}

test('a v2 replica gets its limits in the files that v2 reads', (t) => {
  const { proc, mount } = aHierarchy(t, '/system.slice/openstage.service');
  const cgroups = openCgroups(proc, 'openstage-x');
  const dir = join(mount, 'openstage-x', 'replica');
  mkdirSync(dir);
  for (const file of ['memory.swap.max', 'memory.oom.group', 'cpu.weight', 'cgroup.kill'])
    writeFileSync(join(dir, file), '');
  const place = cgroups.make('replica', { cpuMillis: 500, memoryBytes: 1024 });
  assert.ok(place);
  assert.deepEqual(place.enforced, ['memory', 'cpu', 'pids', 'kill']);
  const content = (file: string) => readFileSync(join(dir, file), 'utf8');
  assert.equal(content('memory.max'), '1024');
  assert.equal(content('cpu.max'), '50000 100000');
  assert.equal(content('pids.max'), '256');
  assert.equal(content('cpu.weight'), '5');
  assert.equal(content('memory.swap.max'), '0');
  assert.equal(content('memory.oom.group'), '1');
  assert.ok(!existsSync(join(dir, 'cpu.max.burst')), 'what this kernel does not have is not written');
});

test('a process is told where it steps in by itself, and the supervisor stays in its own', (t) => {
  const { proc, mount } = aHierarchy(t, '/');
  const cgroups = openCgroups(proc, 'openstage-x');
  const leaf = join(mount, 'openstage-x', 'supervisor', 'cgroup.procs');
  assert.equal(readFileSync(leaf, 'utf8'), String(process.pid));
  const place = cgroups.make('replica', { cpuMillis: 500, memoryBytes: 1024 });
  assert.ok(place);
  assert.deepEqual(cgroups.entrances(place), [join(mount, 'openstage-x', 'replica', 'cgroup.procs')]);
  assert.equal(readFileSync(leaf, 'utf8'), String(process.pid));
});

test('members and kills for memory are read from v2, the supervisor never among them', (t) => {
  const { proc, mount } = aHierarchy(t, '/');
  const cgroups = openCgroups(proc, 'openstage-x');
  const place = cgroups.make('replica', { cpuMillis: 500, memoryBytes: 1024 });
  assert.ok(place);
  const dir = join(mount, 'openstage-x', 'replica');
  writeFileSync(join(dir, 'cgroup.procs'), `12\n${process.pid}\n13\n`);
  writeFileSync(join(dir, 'memory.events'), 'low 0\nhigh 0\nmax 9\noom 2\noom_kill 3\noom_group_kill 1\n');
  assert.deepEqual(cgroups.pids(place), [12, 13]);
  assert.equal(cgroups.oomKills(place), 3);
});

test('where v2 has no memory controller and v1 has none either, nothing is limited', (t) => {
  const { proc, mount } = aHierarchy(t, '/');
  writeFileSync(join(mount, 'cgroup.controllers'), 'cpuset\n');
  const cgroups = openCgroups(proc, 'openstage-x');
  assert.match(cgroups.description, /^none/);
  assert.equal(cgroups.make('replica', { cpuMillis: 500, memoryBytes: 1024 }), undefined);
});

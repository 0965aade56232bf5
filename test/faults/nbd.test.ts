import { strict as assert } from 'node:assert';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { NbdConnection, parseNbdAddress, type NbdAddress } from '../../lib/faults/index.js';
import { NbdServer, requireNbdkit } from '../support/nbdkit.js';
import { patience } from '../support/slowness.js';

describe('addresses of NBD exports', () => {
  it('are read as the URI specification writes them', () => {
    assert.deepEqual(parseNbdAddress('nbd://example.com/disk').at, { host: 'example.com', port: 10809 });
    assert.deepEqual(parseNbdAddress('nbd://example.com/disk').exportName, 'disk');
    assert.deepEqual(parseNbdAddress('nbd://[::1]:7').at, { host: '::1', port: 7 });
    assert.deepEqual(parseNbdAddress('nbd://h/a%20b/c').exportName, 'a b/c');
    assert.deepEqual(parseNbdAddress('nbd+unix:///?socket=/run/nbd').at, { socket: '/run/nbd' });
    assert.deepEqual(parseNbdAddress('nbd+unix:///x?socket=/run/nbd').exportName, 'x');
  });

  for (const uri of ['nbd:', 'nbd:///disk', 'nbds://h/x', 'nbd+unix:///x', 'nbd://user@h/x', 'nbd://h:99999/x', `nbd://h/${'x'.repeat(5000)}`, 'nbd://h/%zz']) {
    it(`${uri.slice(0, 30)} is none`, () => {
      assert.throws(() => parseNbdAddress(uri), { code: 'BAD_OPTION' });
    });
  }
});

/** One read, as a promise. */
function read(connection: NbdConnection, offset: number, lengthBytes: number): Promise<{ error: number; bytes: Buffer | null }> {
  return new Promise((resolve) => {
    connection.read(offset, lengthBytes, (error, bytes) => {
      resolve({ error, bytes: bytes === null ? null : Buffer.from(bytes) });
    });
  });
}

describe('an NBD connection', function () {
  this.timeout(patience(30_000));
  let server: NbdServer | null = null;
  before(function () {
    requireNbdkit(this);
  });
  afterEach(() => {
    server?.close();
    server = null;
  });

  it('reads what the server has, many requests at once, answered in any order', async () => {
    // nbdkit's pattern: each 8 bytes hold their own offset, big end first.
    server = await NbdServer.start(['--filter=delay', 'pattern', '1M', 'rdelay=5ms']);
    const connection = await NbdConnection.open(parseNbdAddress(server.uri));
    assert.equal(connection.export.sizeBytes, 2 ** 20);
    const offsets = Array.from({ length: 64 }, (_, at) => ((at * 37) % 256) * 4096);
    const answers = await Promise.all(offsets.map((offset) => read(connection, offset, 4096)));
    answers.forEach(({ error, bytes }, at) => {
      assert.equal(error, 0);
      for (const inside of [0, 8, 4088]) assert.equal(bytes?.readBigUInt64BE(inside), BigInt(offsets[at] + inside));
    });
    connection.close();
  });

  it('an error of the server is the error of that read alone', async () => {
    server = await NbdServer.start(['eval', 'get_size=echo 1048576', 'pread=if [ "$4" -eq 8192 ]; then echo "EIO bad sector" >&2; exit 1; fi; head -c "$3" /dev/zero']);
    const connection = await NbdConnection.open(parseNbdAddress(server.uri));
    const [good, bad, another] = await Promise.all([read(connection, 0, 4096), read(connection, 8192, 4096), read(connection, 4096, 4096)]);
    assert.deepEqual([good.error, bad.error, another.error], [0, 5, 0]);
    assert.equal(bad.bytes, null);
    connection.close();
  });

  it('a server that dies is reported once, with its name, and later reads say so', async () => {
    const dying = (server = await NbdServer.start(['--filter=delay', 'memory', '1M', 'rdelay=60']));
    const lost = await new Promise<Error>((resolve, reject) => {
      NbdConnection.open(parseNbdAddress(dying.uri), resolve).then((connection) => {
        connection.read(0, 4096, () => {
          reject(new Error('a read was answered that takes a minute'));
        });
        dying.kill();
      }, reject);
    });
    assert.match(lost.message, new RegExp(dying.socket));
    assert.equal((lost as Error & { code: string }).code, 'NBD_LOST');
  });

  it('a read that nobody answers ends the connection after its time', async () => {
    const slow = (server = await NbdServer.start(['--filter=delay', 'memory', '1M', 'rdelay=60']));
    const lost = await new Promise<Error>((resolve, reject) => {
      NbdConnection.open(parseNbdAddress(slow.uri), resolve, { openMs: patience(10_000), readMs: 200 }).then((connection) => {
        connection.read(0, 4096, () => undefined);
      }, reject);
    });
    assert.equal((lost as Error & { code: string }).code, 'NBD_TIMEOUT');
  });

  it('an export that the server does not have is refused with its own words', async () => {
    server = await NbdServer.start(['eval', 'list_exports=echo NAMES; echo there', 'open=[ "$3" = there ] || { echo "EINVAL no such export here" >&2; exit 1; }', 'get_size=echo 4096', 'pread=head -c "$3" /dev/zero']);
    await assert.rejects(NbdConnection.open(parseNbdAddress(`nbd+unix:///elsewhere?socket=${server.socket}`)), { code: 'NBD_REFUSED' });
  });

  it('a server that is not there, or a socket that is none', async () => {
    await assert.rejects(NbdConnection.open(parseNbdAddress('nbd://127.0.0.1:1/x')), { code: 'NBD_UNREACHABLE' });
    await assert.rejects(NbdConnection.open(parseNbdAddress('nbd+unix:///?socket=/nowhere')), { code: 'NBD_UNREACHABLE' });
  });
});

describe('an NBD server that misbehaves', function () {
  this.timeout(patience(30_000));
  let listening: Server | null = null;
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    listening?.close();
    listening = null;
  });

  /** Serves one connection. */
  async function serve(answer: (socket: Socket) => void): Promise<NbdAddress> {
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      answer(socket);
    });
    listening = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return parseNbdAddress(`nbd://127.0.0.1:${(server.address() as AddressInfo).port}/x`);
  }

  const GREETING = Buffer.from('NBDMAGICIHAVEOPT\0\u0003', 'latin1');
  const optionReply = (type: number, data = Buffer.alloc(0)): Buffer => {
    const head = Buffer.alloc(20);
    head.writeBigUInt64BE(0x3e889045565a9n, 0);
    head.writeUInt32BE(7, 8);
    head.writeUInt32BE(type, 12);
    head.writeUInt32BE(data.length, 16);
    return Buffer.concat([head, data]);
  };
  const exportInfo = (sizeBytes: number): Buffer => {
    const data = Buffer.alloc(12);
    data.writeBigUInt64BE(BigInt(sizeBytes), 2);
    return optionReply(3, data);
  };
  const reply = (error: number, cookie: number, magic = 0x67446698): Buffer => {
    const head = Buffer.alloc(16);
    head.writeUInt32BE(magic, 0);
    head.writeUInt32BE(error, 4);
    head.writeBigUInt64BE(BigInt(cookie), 8);
    return head;
  };

  const handshakes: readonly [title: string, bytes: Buffer, code: string][] = [
    ['greets like a web server', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'NBD_PROTOCOL'],
    ['speaks the old style', Buffer.concat([Buffer.from('NBDMAGIC'), Buffer.alloc(144)]), 'NBD_PROTOCOL'],
    ['is newstyle, but not fixed', Buffer.from('NBDMAGICIHAVEOPT\0\0', 'latin1'), 'NBD_PROTOCOL'],
    ['answers an option with a gigabyte', Buffer.concat([GREETING, (() => { const head = optionReply(3); head.writeUInt32BE(2 ** 30, 16); return head; })()]), 'NBD_PROTOCOL'],
    ['acknowledges without a size', Buffer.concat([GREETING, optionReply(1)]), 'NBD_PROTOCOL'],
    ['sends information that is cut short', Buffer.concat([GREETING, optionReply(3, Buffer.alloc(3))]), 'NBD_PROTOCOL'],
    ['wants TLS', Buffer.concat([GREETING, optionReply(0x8000_0005)]), 'NBD_REFUSED'],
    ['does not know NBD_OPT_GO', Buffer.concat([GREETING, optionReply(0x8000_0001)]), 'NBD_REFUSED'],
  ];
  for (const [title, bytes, code] of handshakes) {
    it(`in the handshake: ${title}`, async () => {
      const address = await serve((socket) => socket.write(bytes));
      await assert.rejects(NbdConnection.open(address), { code });
    });
  }

  it('in the handshake: says nothing, or hangs up', async () => {
    await assert.rejects(NbdConnection.open(await serve(() => undefined), undefined, { openMs: 100, readMs: 1000 }), { code: 'NBD_TIMEOUT' });
    listening?.close();
    await assert.rejects(NbdConnection.open(await serve((socket) => socket.end())), (error: Error & { code: string }) => /^NBD_(LOST|UNREACHABLE)$/.test(error.code));
  });

  it('in the handshake: byte by byte is no misbehaviour', async () => {
    const address = await serve((socket) => {
      void (async () => {
        for (const byte of Buffer.concat([GREETING, exportInfo(8192), optionReply(1)])) {
          socket.write(Buffer.from([byte]));
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
    });
    const connection = await NbdConnection.open(address);
    assert.equal(connection.export.sizeBytes, 8192);
    connection.close();
  });

  const replies: readonly [title: string, bytes: Buffer, code: string][] = [
    ['a reply that is none', reply(0, 0, 0x12345678), 'NBD_PROTOCOL'],
    ['an answer to a request never made', reply(0, 99), 'NBD_PROTOCOL'],
    ['half an answer and the end', Buffer.concat([reply(0, 0), Buffer.alloc(100)]), 'NBD_LOST'],
  ];
  for (const [title, bytes, code] of replies) {
    it(`in a reply: ${title}`, async () => {
      const address = await serve((socket) => {
        socket.write(Buffer.concat([GREETING, exportInfo(8192), optionReply(1)]));
        socket.on('data', (chunk: Buffer) => {
          if (chunk.includes(Buffer.from([0x25, 0x60, 0x95, 0x13]))) socket.end(bytes);
        });
      });
      const lost = await new Promise<Error & { code: string }>((resolve, reject) => {
        NbdConnection.open(address, (error) => {
          resolve(error);
        }).then((connection) => {
          connection.read(0, 4096, () => {
            reject(new Error('the read was answered'));
          });
        }, reject);
      });
      assert.equal(lost.code, code);
    });
  }
});

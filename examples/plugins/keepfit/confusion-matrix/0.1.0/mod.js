var __defProp = Object.defineProperty;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __esm = (fn, res, err) => function __init() {
  if (err) throw err[0];
  try {
    return fn && (res = (0, fn[__getOwnPropNames(fn)[0]])(fn = 0)), res;
  } catch (e) {
    throw err = [e], e;
  }
};
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};

// node_modules/fflate/esm/browser.js
function zlibSync(data, opts) {
  if (!opts)
    opts = {};
  var a = adler();
  a.p(data);
  var d = dopt(data, opts, opts.dictionary ? 6 : 2, 4);
  return zlh(d, opts), wbytes(d, d.length - 4, a.d()), d;
}
var u8, u16, i32, fleb, fdeb, clim, freb, _a, fl, revfl, _b, fd, revfd, rev, x, i, hMap, flt, i, i, i, i, fdt, i, flm, fdm, shft, slc, wbits, wbits16, hTree, ln, lc, clen, wfblk, wblk, deo, et, dflt, adler, dopt, wbytes, zlh, td, tds;
var init_browser = __esm({
  "node_modules/fflate/esm/browser.js"() {
    u8 = Uint8Array;
    u16 = Uint16Array;
    i32 = Int32Array;
    fleb = new u8([
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      1,
      1,
      1,
      1,
      2,
      2,
      2,
      2,
      3,
      3,
      3,
      3,
      4,
      4,
      4,
      4,
      5,
      5,
      5,
      5,
      0,
      /* unused */
      0,
      0,
      /* impossible */
      0
    ]);
    fdeb = new u8([
      0,
      0,
      0,
      0,
      1,
      1,
      2,
      2,
      3,
      3,
      4,
      4,
      5,
      5,
      6,
      6,
      7,
      7,
      8,
      8,
      9,
      9,
      10,
      10,
      11,
      11,
      12,
      12,
      13,
      13,
      /* unused */
      0,
      0
    ]);
    clim = new u8([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);
    freb = function(eb, start) {
      var b = new u16(31);
      for (var i2 = 0; i2 < 31; ++i2) {
        b[i2] = start += 1 << eb[i2 - 1];
      }
      var r = new i32(b[30]);
      for (var i2 = 1; i2 < 30; ++i2) {
        for (var j = b[i2]; j < b[i2 + 1]; ++j) {
          r[j] = j - b[i2] << 5 | i2;
        }
      }
      return { b, r };
    };
    _a = freb(fleb, 2);
    fl = _a.b;
    revfl = _a.r;
    fl[28] = 258, revfl[258] = 28;
    _b = freb(fdeb, 0);
    fd = _b.b;
    revfd = _b.r;
    rev = new u16(32768);
    for (i = 0; i < 32768; ++i) {
      x = (i & 43690) >> 1 | (i & 21845) << 1;
      x = (x & 52428) >> 2 | (x & 13107) << 2;
      x = (x & 61680) >> 4 | (x & 3855) << 4;
      rev[i] = ((x & 65280) >> 8 | (x & 255) << 8) >> 1;
    }
    hMap = (function(cd, mb, r) {
      var s = cd.length;
      var i2 = 0;
      var l = new u16(mb);
      for (; i2 < s; ++i2) {
        if (cd[i2])
          ++l[cd[i2] - 1];
      }
      var le = new u16(mb);
      for (i2 = 1; i2 < mb; ++i2) {
        le[i2] = le[i2 - 1] + l[i2 - 1] << 1;
      }
      var co;
      if (r) {
        co = new u16(1 << mb);
        var rvb = 15 - mb;
        for (i2 = 0; i2 < s; ++i2) {
          if (cd[i2]) {
            var sv = i2 << 4 | cd[i2];
            var r_1 = mb - cd[i2];
            var v = le[cd[i2] - 1]++ << r_1;
            for (var m = v | (1 << r_1) - 1; v <= m; ++v) {
              co[rev[v] >> rvb] = sv;
            }
          }
        }
      } else {
        co = new u16(s);
        for (i2 = 0; i2 < s; ++i2) {
          if (cd[i2]) {
            co[i2] = rev[le[cd[i2] - 1]++] >> 15 - cd[i2];
          }
        }
      }
      return co;
    });
    flt = new u8(288);
    for (i = 0; i < 144; ++i)
      flt[i] = 8;
    for (i = 144; i < 256; ++i)
      flt[i] = 9;
    for (i = 256; i < 280; ++i)
      flt[i] = 7;
    for (i = 280; i < 288; ++i)
      flt[i] = 8;
    fdt = new u8(32);
    for (i = 0; i < 32; ++i)
      fdt[i] = 5;
    flm = /* @__PURE__ */ hMap(flt, 9, 0);
    fdm = /* @__PURE__ */ hMap(fdt, 5, 0);
    shft = function(p) {
      return (p + 7) / 8 | 0;
    };
    slc = function(v, s, e) {
      if (s == null || s < 0)
        s = 0;
      if (e == null || e > v.length)
        e = v.length;
      return new u8(v.subarray(s, e));
    };
    wbits = function(d, p, v) {
      v <<= p & 7;
      var o = p / 8 | 0;
      d[o] |= v;
      d[o + 1] |= v >> 8;
    };
    wbits16 = function(d, p, v) {
      v <<= p & 7;
      var o = p / 8 | 0;
      d[o] |= v;
      d[o + 1] |= v >> 8;
      d[o + 2] |= v >> 16;
    };
    hTree = function(d, mb) {
      var t = [];
      for (var i2 = 0; i2 < d.length; ++i2) {
        if (d[i2])
          t.push({ s: i2, f: d[i2] });
      }
      var s = t.length;
      var t2 = t.slice();
      if (!s)
        return { t: et, l: 0 };
      if (s == 1) {
        var v = new u8(t[0].s + 1);
        v[t[0].s] = 1;
        return { t: v, l: 1 };
      }
      t.sort(function(a, b) {
        return a.f - b.f;
      });
      t.push({ s: -1, f: 25001 });
      var l = t[0], r = t[1], i0 = 0, i1 = 1, i22 = 2;
      t[0] = { s: -1, f: l.f + r.f, l, r };
      while (i1 != s - 1) {
        l = t[t[i0].f < t[i22].f ? i0++ : i22++];
        r = t[i0 != i1 && t[i0].f < t[i22].f ? i0++ : i22++];
        t[i1++] = { s: -1, f: l.f + r.f, l, r };
      }
      var maxSym = t2[0].s;
      for (var i2 = 1; i2 < s; ++i2) {
        if (t2[i2].s > maxSym)
          maxSym = t2[i2].s;
      }
      var tr = new u16(maxSym + 1);
      var mbt = ln(t[i1 - 1], tr, 0);
      if (mbt > mb) {
        var i2 = 0, dt = 0;
        var lft = mbt - mb, cst = 1 << lft;
        t2.sort(function(a, b) {
          return tr[b.s] - tr[a.s] || a.f - b.f;
        });
        for (; i2 < s; ++i2) {
          var i2_1 = t2[i2].s;
          if (tr[i2_1] > mb) {
            dt += cst - (1 << mbt - tr[i2_1]);
            tr[i2_1] = mb;
          } else
            break;
        }
        dt >>= lft;
        while (dt > 0) {
          var i2_2 = t2[i2].s;
          if (tr[i2_2] < mb)
            dt -= 1 << mb - tr[i2_2]++ - 1;
          else
            ++i2;
        }
        for (; i2 >= 0 && dt; --i2) {
          var i2_3 = t2[i2].s;
          if (tr[i2_3] == mb) {
            --tr[i2_3];
            ++dt;
          }
        }
        mbt = mb;
      }
      return { t: new u8(tr), l: mbt };
    };
    ln = function(n, l, d) {
      return n.s == -1 ? Math.max(ln(n.l, l, d + 1), ln(n.r, l, d + 1)) : l[n.s] = d;
    };
    lc = function(c) {
      var s = c.length;
      while (s && !c[--s])
        ;
      var cl = new u16(++s);
      var cli = 0, cln = c[0], cls = 1;
      var w = function(v) {
        cl[cli++] = v;
      };
      for (var i2 = 1; i2 <= s; ++i2) {
        if (c[i2] == cln && i2 != s)
          ++cls;
        else {
          if (!cln && cls > 2) {
            for (; cls > 138; cls -= 138)
              w(32754);
            if (cls > 2) {
              w(cls > 10 ? cls - 11 << 5 | 28690 : cls - 3 << 5 | 12305);
              cls = 0;
            }
          } else if (cls > 3) {
            w(cln), --cls;
            for (; cls > 6; cls -= 6)
              w(8304);
            if (cls > 2)
              w(cls - 3 << 5 | 8208), cls = 0;
          }
          while (cls--)
            w(cln);
          cls = 1;
          cln = c[i2];
        }
      }
      return { c: cl.subarray(0, cli), n: s };
    };
    clen = function(cf, cl) {
      var l = 0;
      for (var i2 = 0; i2 < cl.length; ++i2)
        l += cf[i2] * cl[i2];
      return l;
    };
    wfblk = function(out, pos, dat) {
      var s = dat.length;
      var o = shft(pos + 2);
      out[o] = s & 255;
      out[o + 1] = s >> 8;
      out[o + 2] = out[o] ^ 255;
      out[o + 3] = out[o + 1] ^ 255;
      for (var i2 = 0; i2 < s; ++i2)
        out[o + i2 + 4] = dat[i2];
      return (o + 4 + s) * 8;
    };
    wblk = function(dat, out, final, syms, lf, df, eb, li, bs, bl, p) {
      wbits(out, p++, final);
      ++lf[256];
      var _a2 = hTree(lf, 15), dlt = _a2.t, mlb = _a2.l;
      var _b2 = hTree(df, 15), ddt = _b2.t, mdb = _b2.l;
      var _c = lc(dlt), lclt = _c.c, nlc = _c.n;
      var _d = lc(ddt), lcdt = _d.c, ndc = _d.n;
      var lcfreq = new u16(19);
      for (var i2 = 0; i2 < lclt.length; ++i2)
        ++lcfreq[lclt[i2] & 31];
      for (var i2 = 0; i2 < lcdt.length; ++i2)
        ++lcfreq[lcdt[i2] & 31];
      var _e = hTree(lcfreq, 7), lct = _e.t, mlcb = _e.l;
      var nlcc = 19;
      for (; nlcc > 4 && !lct[clim[nlcc - 1]]; --nlcc)
        ;
      var flen = bl + 5 << 3;
      var ftlen = clen(lf, flt) + clen(df, fdt) + eb;
      var dtlen = clen(lf, dlt) + clen(df, ddt) + eb + 14 + 3 * nlcc + clen(lcfreq, lct) + 2 * lcfreq[16] + 3 * lcfreq[17] + 7 * lcfreq[18];
      if (bs >= 0 && flen <= ftlen && flen <= dtlen)
        return wfblk(out, p, dat.subarray(bs, bs + bl));
      var lm, ll, dm, dl;
      wbits(out, p, 1 + (dtlen < ftlen)), p += 2;
      if (dtlen < ftlen) {
        lm = hMap(dlt, mlb, 0), ll = dlt, dm = hMap(ddt, mdb, 0), dl = ddt;
        var llm = hMap(lct, mlcb, 0);
        wbits(out, p, nlc - 257);
        wbits(out, p + 5, ndc - 1);
        wbits(out, p + 10, nlcc - 4);
        p += 14;
        for (var i2 = 0; i2 < nlcc; ++i2)
          wbits(out, p + 3 * i2, lct[clim[i2]]);
        p += 3 * nlcc;
        var lcts = [lclt, lcdt];
        for (var it = 0; it < 2; ++it) {
          var clct = lcts[it];
          for (var i2 = 0; i2 < clct.length; ++i2) {
            var len = clct[i2] & 31;
            wbits(out, p, llm[len]), p += lct[len];
            if (len > 15)
              wbits(out, p, clct[i2] >> 5 & 127), p += clct[i2] >> 12;
          }
        }
      } else {
        lm = flm, ll = flt, dm = fdm, dl = fdt;
      }
      for (var i2 = 0; i2 < li; ++i2) {
        var sym = syms[i2];
        if (sym > 255) {
          var len = sym >> 18 & 31;
          wbits16(out, p, lm[len + 257]), p += ll[len + 257];
          if (len > 7)
            wbits(out, p, sym >> 23 & 31), p += fleb[len];
          var dst = sym & 31;
          wbits16(out, p, dm[dst]), p += dl[dst];
          if (dst > 3)
            wbits16(out, p, sym >> 5 & 8191), p += fdeb[dst];
        } else {
          wbits16(out, p, lm[sym]), p += ll[sym];
        }
      }
      wbits16(out, p, lm[256]);
      return p + ll[256];
    };
    deo = /* @__PURE__ */ new i32([65540, 131080, 131088, 131104, 262176, 1048704, 1048832, 2114560, 2117632]);
    et = /* @__PURE__ */ new u8(0);
    dflt = function(dat, lvl, plvl, pre, post, st) {
      var s = st.z || dat.length;
      var o = new u8(pre + s + 5 * (1 + Math.ceil(s / 7e3)) + post);
      var w = o.subarray(pre, o.length - post);
      var lst = st.l;
      var pos = (st.r || 0) & 7;
      if (lvl) {
        if (pos)
          w[0] = st.r >> 3;
        var opt = deo[lvl - 1];
        var n = opt >> 13, c = opt & 8191;
        var msk_1 = (1 << plvl) - 1;
        var prev = st.p || new u16(32768), head = st.h || new u16(msk_1 + 1);
        var bs1_1 = Math.ceil(plvl / 3), bs2_1 = 2 * bs1_1;
        var hsh = function(i3) {
          return (dat[i3] ^ dat[i3 + 1] << bs1_1 ^ dat[i3 + 2] << bs2_1) & msk_1;
        };
        var syms = new i32(25e3);
        var lf = new u16(288), df = new u16(32);
        var lc_1 = 0, eb = 0, i2 = st.i || 0, li = 0, wi = st.w || 0, bs = 0;
        for (; i2 + 2 < s; ++i2) {
          var hv = hsh(i2);
          var imod = i2 & 32767, pimod = head[hv];
          prev[imod] = pimod;
          head[hv] = imod;
          if (wi <= i2) {
            var rem = s - i2;
            if ((lc_1 > 7e3 || li > 24576) && (rem > 423 || !lst)) {
              pos = wblk(dat, w, 0, syms, lf, df, eb, li, bs, i2 - bs, pos);
              li = lc_1 = eb = 0, bs = i2;
              for (var j = 0; j < 286; ++j)
                lf[j] = 0;
              for (var j = 0; j < 30; ++j)
                df[j] = 0;
            }
            var l = 2, d = 0, ch_1 = c, dif = imod - pimod & 32767;
            if (rem > 2 && hv == hsh(i2 - dif)) {
              var maxn = Math.min(n, rem) - 1;
              var maxd = Math.min(32767, i2);
              var ml = Math.min(258, rem);
              while (dif <= maxd && --ch_1 && imod != pimod) {
                if (dat[i2 + l] == dat[i2 + l - dif]) {
                  var nl = 0;
                  for (; nl < ml && dat[i2 + nl] == dat[i2 + nl - dif]; ++nl)
                    ;
                  if (nl > l) {
                    l = nl, d = dif;
                    if (nl > maxn)
                      break;
                    var mmd = Math.min(dif, nl - 2);
                    var md = 0;
                    for (var j = 0; j < mmd; ++j) {
                      var ti = i2 - dif + j & 32767;
                      var pti = prev[ti];
                      var cd = ti - pti & 32767;
                      if (cd > md)
                        md = cd, pimod = ti;
                    }
                  }
                }
                imod = pimod, pimod = prev[imod];
                dif += imod - pimod & 32767;
              }
            }
            if (d) {
              syms[li++] = 268435456 | revfl[l] << 18 | revfd[d];
              var lin = revfl[l] & 31, din = revfd[d] & 31;
              eb += fleb[lin] + fdeb[din];
              ++lf[257 + lin];
              ++df[din];
              wi = i2 + l;
              ++lc_1;
            } else {
              syms[li++] = dat[i2];
              ++lf[dat[i2]];
            }
          }
        }
        for (i2 = Math.max(i2, wi); i2 < s; ++i2) {
          syms[li++] = dat[i2];
          ++lf[dat[i2]];
        }
        pos = wblk(dat, w, lst, syms, lf, df, eb, li, bs, i2 - bs, pos);
        if (!lst) {
          st.r = pos & 7 | w[pos / 8 | 0] << 3;
          pos -= 7;
          st.h = head, st.p = prev, st.i = i2, st.w = wi;
        }
      } else {
        for (var i2 = st.w || 0; i2 < s + lst; i2 += 65535) {
          var e = i2 + 65535;
          if (e >= s) {
            w[pos / 8 | 0] = lst;
            e = s;
          }
          pos = wfblk(w, pos + 1, dat.subarray(i2, e));
        }
        st.i = s;
      }
      return slc(o, 0, pre + shft(pos) + post);
    };
    adler = function() {
      var a = 1, b = 0;
      return {
        p: function(d) {
          var n = a, m = b;
          var l = d.length | 0;
          for (var i2 = 0; i2 != l; ) {
            var e = Math.min(i2 + 2655, l);
            for (; i2 < e; ++i2)
              m += n += d[i2];
            n = (n & 65535) + 15 * (n >> 16), m = (m & 65535) + 15 * (m >> 16);
          }
          a = n, b = m;
        },
        d: function() {
          a %= 65521, b %= 65521;
          return (a & 255) << 24 | (a & 65280) << 8 | (b & 255) << 8 | b >> 8;
        }
      };
    };
    dopt = function(dat, opt, pre, post, st) {
      if (!st) {
        st = { l: 1 };
        if (opt.dictionary) {
          var dict = opt.dictionary.subarray(-32768);
          var newDat = new u8(dict.length + dat.length);
          newDat.set(dict);
          newDat.set(dat, dict.length);
          dat = newDat;
          st.w = dict.length;
        }
      }
      return dflt(dat, opt.level == null ? 6 : opt.level, opt.mem == null ? st.l ? Math.ceil(Math.max(8, Math.min(13, Math.log(dat.length))) * 1.5) : 20 : 12 + opt.mem, pre, post, st);
    };
    wbytes = function(d, b, v) {
      for (; v; ++b)
        d[b] = v, v >>>= 8;
    };
    zlh = function(c, o) {
      var lv = o.level, fl2 = lv == 0 ? 0 : lv < 6 ? 1 : lv == 9 ? 3 : 2;
      c[0] = 120, c[1] = fl2 << 6 | (o.dictionary && 32);
      c[1] |= 31 - (c[0] << 8 | c[1]) % 31;
      if (o.dictionary) {
        var h = adler();
        h.p(o.dictionary);
        wbytes(c, 2, h.d());
      }
    };
    td = typeof TextDecoder != "undefined" && /* @__PURE__ */ new TextDecoder();
    tds = 0;
    try {
      td.decode(et, { stream: true });
      tds = 1;
    } catch (e) {
    }
  }
});

// ../../../../../runtime/fflate.ts
var fflate_exports = {};
__export(fflate_exports, {
  zlibSync: () => zlibSync
});
var init_fflate = __esm({
  "../../../../../runtime/fflate.ts"() {
    init_browser();
  }
});

// ../../../../../tensorboard/crc.ts
function crc32c(bytes, start = 0, end = bytes.length, before = 0) {
  return crc(castagnoli ??= tablesOf(2197175160), bytes, start, end, before);
}
function maskedCrc32c(bytes, start = 0, end = bytes.length) {
  const sum = crc32c(bytes, start, end);
  return (sum >>> 15 | sum << 17) + 2726488792 >>> 0;
}
function crc32(bytes) {
  return crc(iso ??= tablesOf(3988292384), bytes, 0, bytes.length);
}
var castagnoli;
var iso;
function tablesOf(polynomial) {
  const tables = Array.from({ length: 16 }, () => new Uint32Array(256));
  const [first] = tables;
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = sum >>> 1 ^ (sum & 1 ? polynomial : 0);
    first[byte] = sum;
  }
  for (let following = 1; following < tables.length; following++) {
    for (let byte = 0; byte < 256; byte++) {
      const sum = tables[following - 1][byte];
      tables[following][byte] = first[sum & 255] ^ sum >>> 8;
    }
  }
  return tables;
}
function crc(tables, bytes, start, end, before = 0) {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
  let sum = before ^ 4294967295;
  let i2 = start;
  if (end - i2 >= manyBytes && isLittleEndian) {
    for (; (bytes.byteOffset + i2) % 4 !== 0; i2++) sum = t0[(sum ^ bytes[i2]) & 255] ^ sum >>> 8;
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + i2, end - i2 >> 4 << 2);
    sum = braided(tables, words, sum);
    i2 += words.byteLength;
  }
  for (; i2 + 8 <= end; i2 += 8) {
    sum ^= bytes[i2] | bytes[i2 + 1] << 8 | bytes[i2 + 2] << 16 | bytes[i2 + 3] << 24;
    sum = t7[sum & 255] ^ t6[sum >>> 8 & 255] ^ t5[sum >>> 16 & 255] ^ t4[sum >>> 24] ^ t3[bytes[i2 + 4]] ^ t2[bytes[i2 + 5]] ^ t1[bytes[i2 + 6]] ^ t0[bytes[i2 + 7]];
  }
  for (; i2 < end; i2++) sum = t0[(sum ^ bytes[i2]) & 255] ^ sum >>> 8;
  return (sum ^ 4294967295) >>> 0;
}
var manyBytes = 1024;
var isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
function braided(tables, words, sum) {
  const [t0, t1, t2, t3] = tables;
  const [t12, t13, t14, t15] = tables.slice(12);
  const last = words.length - 4;
  let [a, b, c, d] = [sum | 0, 0, 0, 0];
  for (let i2 = 0; i2 < last; i2 += 4) {
    a ^= words[i2];
    b ^= words[i2 + 1];
    c ^= words[i2 + 2];
    d ^= words[i2 + 3];
    a = t15[a & 255] ^ t14[a >>> 8 & 255] ^ t13[a >>> 16 & 255] ^ t12[a >>> 24];
    b = t15[b & 255] ^ t14[b >>> 8 & 255] ^ t13[b >>> 16 & 255] ^ t12[b >>> 24];
    c = t15[c & 255] ^ t14[c >>> 8 & 255] ^ t13[c >>> 16 & 255] ^ t12[c >>> 24];
    d = t15[d & 255] ^ t14[d >>> 8 & 255] ^ t13[d >>> 16 & 255] ^ t12[d >>> 24];
  }
  let joined = 0;
  for (const [j, one] of [a, b, c, d].entries()) {
    joined ^= one ^ words[last + j];
    joined = t3[joined & 255] ^ t2[joined >>> 8 & 255] ^ t1[joined >>> 16 & 255] ^ t0[joined >>> 24];
  }
  return joined;
}

// ../../../../../tensorboard/path_in.ts
function pathIn(folder, name) {
  if (typeof folder === "string") return folder.endsWith("/") ? folder + name : `${folder}/${name}`;
  return new URL(encodeURIComponent(name), folder.href.replace(/\/?$/, "/"));
}

// ../../../../../tensorboard/protobuf.ts
var ProtobufWriter = class {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #size = 0;
  /** The buffer; its first `size` bytes are written. The next write may replace it. */
  get buffer() {
    return this.#bytes;
  }
  /** Number of bytes written. */
  get size() {
    return this.#size;
  }
  /** Discard everything after the first `size` bytes. */
  truncate(size) {
    this.#size = size;
  }
  /** The bytes between two positions; the next write overwrites them. */
  view(start = 0, end = this.#size) {
    return this.#bytes.subarray(start, end);
  }
  /** Return the bytes, which the caller then owns, and start over. */
  take() {
    const taken = this.view();
    this.#replace(new Uint8Array(1024));
    this.#size = 0;
    return taken;
  }
  /** Reserve `length` bytes, to be filled in by {@linkcode fixed32At}. */
  skip(length) {
    this.#reserve(length);
    this.#bytes.fill(0, this.#size, this.#size += length);
  }
  /** Write an unsigned 32-bit integer at a reserved position. */
  fixed32At(offset, value) {
    this.#view.setUint32(offset, value, true);
  }
  /** Write a 32-bit float at a reserved position. */
  float32At(offset, value) {
    this.#view.setFloat32(offset, value, true);
  }
  /** Write encoded fields. */
  encoded(fields) {
    this.#reserve(fields.length);
    this.#bytes.set(fields, this.#size);
    this.#size += fields.length;
  }
  /** Write an integer of any type, a bool or an enum. */
  varint(field, value) {
    this.#key(field, 0);
    this.#varint(value);
  }
  double(field, value) {
    this.#key(field, 1);
    this.#reserve(8);
    this.#view.setFloat64(this.#size, value, true);
    this.#size += 8;
  }
  float(field, value) {
    this.#key(field, 5);
    this.#reserve(4);
    this.#view.setFloat32(this.#size, value, true);
    this.#size += 4;
  }
  text(field, text) {
    this.message(field, () => {
      this.#reserve(text.length * 3);
      const start = this.#size;
      for (let i2 = 0; i2 < text.length; i2++) {
        const code = text.charCodeAt(i2);
        if (code > 127 || i2 > 100) {
          this.#size = start + encoder.encodeInto(text, this.#bytes.subarray(start)).written;
          return;
        }
        this.#bytes[this.#size++] = code;
      }
    });
  }
  bytes(field, bytes) {
    this.#key(field, 2);
    this.#varint(bytes.length);
    this.encoded(bytes);
  }
  /** Write a message or a packed field; `write` writes its content with this writer. */
  message(field, write) {
    this.#key(field, 2);
    this.skip(1);
    const start = this.#size;
    write();
    const end = this.#size;
    let more = 0;
    for (let rest = end - start; rest > 127; rest = Math.floor(rest / 128)) more++;
    this.skip(more);
    this.#bytes.copyWithin(start + more, start, end);
    this.#size = start - 1;
    this.#varint(end - start);
    this.#size = end + more;
  }
  /** Write a number of a packed field. */
  packedVarint(value) {
    this.#varint(value);
  }
  #key(field, wireType) {
    this.#varint(field * 8 + wireType);
  }
  #varint(value) {
    this.#reserve(10);
    if (typeof value === "number" && value >= 0 && value < 128) {
      this.#bytes[this.#size++] = value;
      return;
    }
    let rest = value < 0 ? BigInt.asUintN(64, BigInt(value)) : value;
    while (rest > 127) {
      if (typeof rest === "bigint") {
        this.#bytes[this.#size++] = Number(rest & 127n) | 128;
        rest >>= 7n;
      } else {
        this.#bytes[this.#size++] = rest & 127 | 128;
        rest = Math.floor(rest / 128);
      }
    }
    this.#bytes[this.#size++] = Number(rest);
  }
  #reserve(length) {
    if (this.#size + length <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + length));
    bytes.set(this.view());
    this.#replace(bytes);
  }
  #replace(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
};
function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
var encoder = new TextEncoder();
var decoder = new TextDecoder("utf-8", { ignoreBOM: true });
var nothing = new Uint8Array();

// ../../../../../tensorboard/tensor.ts
var formats = {
  float32: {
    id: 1,
    field: 5,
    size: 4,
    write: (view, offset, value) => view.setFloat32(offset, Number(value), true),
    read: (view, offset) => view.getFloat32(offset, true)
  },
  float64: {
    id: 2,
    field: 6,
    size: 8,
    write: (view, offset, value) => view.setFloat64(offset, Number(value), true),
    read: (view, offset) => view.getFloat64(offset, true)
  },
  int32: {
    id: 3,
    field: 7,
    size: 4,
    write: (view, offset, value) => view.setInt32(offset, Number(value), true),
    read: (view, offset) => view.getInt32(offset, true)
  },
  uint8: {
    id: 4,
    field: 7,
    size: 1,
    write: (view, offset, value) => view.setUint8(offset, Number(value)),
    read: (view, offset) => view.getUint8(offset)
  },
  int64: {
    id: 9,
    field: 10,
    size: 8,
    write: (view, offset, value) => view.setBigInt64(offset, BigInt(value), true),
    read: (view, offset) => view.getBigInt64(offset, true)
  },
  bool: {
    id: 10,
    field: 11,
    size: 1,
    write: (view, offset, value) => view.setUint8(offset, value ? 1 : 0),
    read: (view, offset) => view.getUint8(offset) !== 0
  }
};
var stringId = 7;
var stringField = 8;
var contentField = 4;
function dtypeId(dtype) {
  if (dtype === "string") return stringId;
  if (Object.hasOwn(formats, dtype)) return formats[dtype].id;
  const known = [...Object.keys(formats), "string"].join(", ");
  throw new RangeError(`Cannot write a tensor of dtype ${dtype}: dtype must be one of ${known}`);
}
function writeTensor(out, { dtype, shape, values }) {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (values.length !== size) {
    throw new RangeError(
      `Cannot write a tensor of shape [${shape}] with ${values.length} values: there must be ${size}`
    );
  }
  out.varint(1, dtypeId(dtype));
  out.message(2, () => writeShape(out, shape));
  if (dtype === "string") {
    for (let i2 = 0; i2 < size; i2++) {
      const value = values[i2];
      if (value instanceof Uint8Array) out.bytes(stringField, value);
      else out.text(stringField, String(value));
    }
    return;
  }
  checkNumbers(dtype, values);
  const format = formats[dtype];
  if (size > 0 && (dtype === "bool" || size === 1 && !dtype.startsWith("float"))) {
    const cell2 = new DataView(new ArrayBuffer(format.size));
    out.message(format.field, () => {
      for (let i2 = 0; i2 < size; i2++) {
        format.write(cell2, 0, values[i2]);
        out.packedVarint(BigInt(format.read(cell2, 0)));
      }
    });
  } else if (size > 0) {
    const bytes = new Uint8Array(size * format.size);
    const view = viewOf(bytes);
    for (let i2 = 0; i2 < size; i2++) format.write(view, i2 * format.size, values[i2]);
    out.bytes(size === 1 ? format.field : contentField, bytes);
  }
}
function checkNumbers(dtype, values) {
  if (ArrayBuffer.isView(values)) return;
  for (let i2 = 0; i2 < values.length; i2++) {
    if (["number", "bigint", "boolean"].includes(typeof values[i2])) continue;
    throw new TypeError(
      `Cannot write a tensor of dtype ${dtype}: expected numbers, got ${String(values[i2])} at index ${i2}`
    );
  }
}
function writeShape(out, shape) {
  if (shape === null) return out.varint(3, 1);
  for (const dimension of shape) {
    out.message(2, () => dimension !== 0 && out.varint(1, dimension));
  }
}

// ../../../../../tensorboard/graph.ts
function writeGraph(out, graph) {
  for (const { name, op, inputs = [], device, attributes = {} } of graph.nodes) {
    out.message(1, () => {
      out.text(1, name);
      out.text(2, op);
      for (const input of inputs) out.text(3, input);
      if (device) out.text(4, device);
      for (const key of Object.keys(attributes).sort()) {
        out.message(5, () => {
          out.text(1, key);
          out.message(2, () => writeAttribute(out, attributes[key]));
        });
      }
    });
  }
}
function writeAttribute(out, value) {
  if (typeof value === "string") return out.text(2, value);
  if (typeof value === "boolean") return out.varint(5, value ? 1 : 0);
  if (typeof value === "number") {
    return Number.isSafeInteger(value) ? out.varint(3, value) : out.float(4, value);
  }
  if ("dtype" in value) {
    return out.varint(6, typeof value.dtype === "number" ? value.dtype : dtypeId(value.dtype));
  }
  if ("shape" in value) return out.message(7, () => writeShape(out, value.shape));
  out.message(1, () => {
    for (const shape of value.shapes) out.message(7, () => writeShape(out, shape));
  });
}

// ../../../../../tensorboard/summary.ts
function writeSummary(out, summary) {
  out.message(1, () => {
    out.text(1, summary.tag);
    out.message(8, () => writeTensor(out, summary.tensor));
    out.message(9, () => writeMetadata(out, summary));
  });
}
var dataClasses = ["scalar", "tensor", "blob-sequence"];
function writeMetadata(out, summary) {
  const { plugin, content, displayName, description, dataClass } = summary;
  out.message(1, () => {
    out.text(1, plugin);
    if (content !== void 0 && content.length > 0) out.bytes(2, content);
  });
  if (displayName) out.text(2, displayName);
  if (description) out.text(3, description);
  if (dataClass !== void 0) out.varint(4, dataClasses.indexOf(dataClass) + 1);
}

// ../../../../../runtime/deflate.ts
function findDeflate() {
  const { process } = globalThis;
  return process?.getBuiltinModule?.("node:zlib").deflateSync ?? loadFflate();
}
async function loadFflate() {
  const { zlibSync: zlibSync2 } = await Promise.resolve().then(() => (init_fflate(), fflate_exports));
  return (bytes) => zlibSync2(bytes);
}

// ../../../../../tensorboard/custom_scalars.ts
function customScalarsSummary(layout) {
  const out = new ProtobufWriter();
  for (const category of layout.categories) {
    out.message(2, () => writeCategory(out, category));
  }
  return {
    tag: "custom_scalars__config__",
    plugin: "custom_scalars",
    tensor: { dtype: "string", shape: [], values: [out.take()] }
  };
}
function writeCategory(out, { title, charts, closed }) {
  out.text(1, title);
  for (const chart of charts) {
    out.message(2, () => {
      out.text(1, chart.title);
      if ("tags" in chart) {
        out.message(2, () => {
          for (const tag of chart.tags) out.text(1, tag);
        });
      } else {
        out.message(3, () => {
          for (const { value, lower, upper } of chart.margins) {
            out.message(1, () => {
              out.text(1, value);
              out.text(2, lower);
              out.text(3, upper);
            });
          }
        });
      }
    });
  }
  if (closed) out.varint(3, 1);
}

// ../../../../../tensorboard/event_file.ts
var EventFile = class {
  #folder;
  #options;
  #out = new ProtobufWriter();
  #file;
  #path;
  // Taken from the buffer, but not yet known to be in a file.
  #unwritten = [];
  #failure;
  #dropped = 0;
  #writing = Promise.resolve();
  #writes = 0;
  #lastWrite;
  #isClosed = false;
  /**
   * @param folder folder of the file; created, with its parents, with the first event
   * @param options file system, limits and clock
   */
  constructor(folder, options) {
    this.#folder = folder;
    this.#options = options;
  }
  /**
   * Append an event.
   *
   * @param wallTime milliseconds since 1970. Default: now
   * @param step any safe integer
   * @param write writes the content of the event; if it throws, nothing is appended
   * @throws TypeError after {@linkcode close}
   */
  append(wallTime, step, write) {
    this.checkOpen();
    const { flushMillis, maxPendingBytes, now } = this.#options;
    const time = now();
    this.#lastWrite ??= time;
    const hasFailed = this.#failure !== void 0;
    if (hasFailed && this.#out.size >= maxPendingBytes) this.#dropped++;
    else appendEvent(this.#out, wallTime ?? time, step, write);
    const isFull = !hasFailed && this.#out.size >= maxPendingBytes;
    if (this.#writes > 0 || !(isFull || time - this.#lastWrite >= flushMillis)) return;
    this.#lastWrite = time;
    void this.flush();
  }
  /**
   * Check that it is not closed.
   *
   * @throws TypeError after {@linkcode close}
   */
  checkOpen() {
    if (this.#isClosed) {
      throw new TypeError(`Cannot write to ${this.#folder}: the writer is closed`);
    }
  }
  /**
   * Write the buffered events.
   *
   * @throws FileSystemError when the file cannot be written
   * @throws Error when events were dropped, because writes failed until the buffer was full
   */
  flush() {
    this.#writes++;
    const writing = this.#writing.then(() => this.#write()).finally(() => this.#writes--);
    this.#writing = writing.catch(() => {
    });
    return writing;
  }
  /** Write the buffered events, and wait until they are on the disk. */
  async sync() {
    await this.flush();
    await this.#file?.sync();
  }
  /** Write the buffered events and close the file; may be called again. */
  async close() {
    this.#isClosed = true;
    try {
      await this.sync();
    } finally {
      await this.#closeFile();
    }
  }
  async #write() {
    if (this.#out.size > 0) this.#unwritten.push(this.#out.take());
    try {
      while (this.#unwritten.length > 0) {
        const file = await this.#openedFile();
        await file.write(this.#unwritten[0]);
        this.#unwritten.shift();
      }
    } catch (error) {
      this.#failure = error;
      await this.#closeFile().catch(() => {
      });
      throw error;
    }
    const [cause, dropped] = [this.#failure, this.#dropped];
    this.#failure = void 0;
    this.#dropped = 0;
    if (dropped > 0) {
      throw new Error(
        `Cannot keep all events of ${this.#folder}: ${dropped} were dropped while it could not be written; writing works again`,
        { cause }
      );
    }
  }
  /** The open file; a new one if there is none or it was removed, so that no events are lost. */
  async #openedFile() {
    const { fs } = this.#options;
    if (this.#file !== void 0 && !await exists(this.#path, fs)) {
      await this.#closeFile().catch(() => {
      });
      console.warn(
        `keepfit: the events in ${this.#folder} were removed during the run; the next go to a new file`
      );
    }
    return this.#file ?? await this.#openFile();
  }
  async #openFile() {
    const { fs, suffix, now } = this.#options;
    await fs.makeDir(this.#folder);
    const time = now();
    const seconds = Math.max(Math.floor(time / 1e3), await newestIn(this.#folder, fs) + 1);
    const name = `events.out.tfevents.${nameParts(seconds)}${suffix}`;
    this.#path = pathIn(this.#folder, name);
    this.#file = await fs.open(this.#path, "append");
    const header = new ProtobufWriter();
    appendEvent(header, time, 0, () => {
      header.text(3, "brain.Event:2");
      header.message(10, () => header.text(1, "keepfit"));
    });
    await this.#file.write(header.view());
    return this.#file;
  }
  async #closeFile() {
    const file = this.#file;
    this.#file = void 0;
    await file?.close();
  }
};
async function exists(path, fs) {
  try {
    await fs.stat(path);
    return true;
  } catch (error) {
    return error.code !== "NotFound";
  }
}
async function newestIn(folder, fs) {
  const entries = await fs.readDir(folder).catch(() => []);
  const seconds = entries.map(({ name }) => /^events\.out\.tfevents\.(\d{10})\./.exec(name)?.[1]);
  return Math.max(0, ...seconds.map((text) => Number(text ?? 0)));
}
var processNumber;
var fileCount = 0;
function nameParts(seconds) {
  processNumber ??= globalThis.crypto?.getRandomValues(new Uint32Array(1))[0] ?? Math.floor(Math.random() * 2 ** 32);
  const padded = String(seconds).padStart(10, "0");
  return `${padded}.keepfit.${processNumber}.${String(fileCount++).padStart(4, "0")}`;
}
function appendEvent(out, wallTime, step, write) {
  const start = out.size;
  try {
    out.skip(12);
    out.double(1, wallTime / 1e3);
    if (step !== 0) out.varint(2, step);
    write(out);
    const end = out.size;
    out.skip(4);
    out.fixed32At(start, end - start - 12);
    out.fixed32At(start + 8, maskedCrc32c(out.buffer, start, start + 8));
    out.fixed32At(end, maskedCrc32c(out.buffer, start + 12, end));
  } catch (error) {
    out.truncate(start);
    throw error;
  }
}

// ../../../../../tensorboard/histogram.ts
function histogramTensor(values, buckets) {
  const rows = new Float64Array(buckets * 3);
  const tensor = { dtype: "float64", shape: [buckets, 3], values: rows };
  let [min, max, count] = [Infinity, -Infinity, 0];
  for (let i2 = 0; i2 < values.length; i2++) {
    const value = values[i2];
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
    count++;
  }
  if (count === 0) return tensor;
  const range = max - min;
  let width = range < Infinity ? range / buckets : max / buckets - min / buckets;
  if (range > 0 && width === 0) width = Number.MIN_VALUE;
  const last = buckets - 1;
  for (let bucket = 0; bucket < buckets; bucket++) {
    rows[bucket * 3] = min + bucket * width;
    rows[bucket * 3 + 1] = bucket === last ? max : min + (bucket + 1) * width;
  }
  if (range === 0) {
    rows[last * 3 + 2] = count;
    return tensor;
  }
  for (let i2 = 0; i2 < values.length; i2++) {
    if (!Number.isFinite(values[i2])) continue;
    rows[Math.min(last, Math.floor((values[i2] - min) / width)) * 3 + 2]++;
  }
  return tensor;
}

// ../../../../../tensorboard/hparams.ts
function experimentSummary(hparams, metrics, time) {
  return hparamsSummary("experiment", 2, (out) => {
    out.double(3, time / 1e3);
    for (const name of Object.keys(hparams).sort()) {
      out.message(4, () => {
        out.text(1, name);
        out.varint(4, { string: 1, boolean: 2, number: 3 }[typeof hparams[name]]);
      });
    }
    for (const { tag, displayName, group, description } of metrics) {
      out.message(5, () => {
        out.message(1, () => {
          if (group) out.text(1, group);
          out.text(2, tag);
        });
        if (displayName) out.text(3, displayName);
        if (description) out.text(4, description);
      });
    }
  });
}
function sessionStartSummary(hparams, trialId, time) {
  const names = Object.keys(hparams).sort();
  return hparamsSummary("session_start_info", 3, (out) => {
    for (const name of names) {
      out.message(1, () => {
        out.text(1, name);
        out.message(2, () => writeValue(out, name, hparams[name]));
      });
    }
    out.text(4, trialId ?? JSON.stringify(Object.fromEntries(names.map((n) => [n, hparams[n]]))));
    out.double(5, time / 1e3);
  });
}
function sessionEndSummary(status, time) {
  return hparamsSummary("session_end_info", 4, (out) => {
    out.varint(1, status === "success" ? 1 : 2);
    out.double(2, time / 1e3);
  });
}
function hparamsSummary(tag, field, write) {
  const out = new ProtobufWriter();
  out.message(field, () => write(out));
  return {
    tag: `_hparams_/${tag}`,
    plugin: "hparams",
    content: out.take(),
    tensor: { dtype: "float32", shape: [0], values: [] }
  };
}
function writeValue(out, name, value) {
  if (typeof value === "number") return out.double(2, value);
  if (typeof value === "string") return out.text(3, value);
  if (typeof value === "boolean") return out.varint(4, value ? 1 : 0);
  throw new TypeError(
    `Cannot write the hyperparameter ${name} of type ${typeof value}: it must be a string, number or boolean`
  );
}

// ../../../../../tensorboard/png.ts
function encodePng(width, height, channels, pixels, deflate) {
  const header = new Uint8Array(13);
  const view = viewOf(header);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 8;
  header[9] = { 1: 0, 3: 2, 4: 6 }[channels];
  return join([
    Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10),
    chunk("IHDR", header),
    chunk("IDAT", deflate(filterRows(width * channels, height, channels, pixels))),
    chunk("IEND", new Uint8Array())
  ]);
}
function chunk(type, data) {
  const bytes = new Uint8Array(data.length + 12);
  const view = viewOf(bytes);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}
function filterRows(stride, height, channels, pixels) {
  const filtered = new Uint8Array((stride + 1) * height);
  for (let row = 0; row < height; row++) {
    const start = row * stride;
    let least = Infinity;
    for (let filter = 0; filter < 3; filter++) {
      const line = new Uint8Array(stride);
      let sum = 0;
      for (let i2 = 0; i2 < stride; i2++) {
        let predicted = 0;
        if (filter === 1 && i2 >= channels) predicted = pixels[start + i2 - channels];
        if (filter === 2 && row > 0) predicted = pixels[start + i2 - stride];
        line[i2] = pixels[start + i2] - predicted;
        sum += Math.min(line[i2], 256 - line[i2]);
      }
      if (sum >= least) continue;
      least = sum;
      filtered[row * (stride + 1)] = filter;
      filtered.set(line, row * (stride + 1) + 1);
    }
  }
  return filtered;
}
function join(parts) {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

// ../../../../../tensorboard/image.ts
function imageTensor(images, deflate) {
  const [{ width, height }] = images;
  const pngs = images.map(({ channels, data }) => {
    const bytes = data instanceof Float32Array ? bytesOf(data) : data;
    return encodePng(width, height, channels, bytes, deflate);
  });
  const values = [String(width), String(height), ...pngs];
  return { dtype: "string", shape: [values.length], values };
}
function checkImages(images) {
  if (images.length === 0) {
    throw new RangeError("Cannot write an image summary of 0 images: there must be at least one");
  }
  const { width, height } = images[0];
  for (const image of images) {
    checkImage(image);
    if (image.width === width && image.height === height) continue;
    throw new RangeError(
      `Cannot write images of ${width} x ${height} and ${image.width} x ${image.height} pixels under one tag: they must have the same size`
    );
  }
}
function checkImage({ width, height, channels, data }) {
  if (![1, 3, 4].includes(channels)) {
    throw new RangeError(
      `Cannot write an image with ${channels} channels: there must be 1, 3 or 4`
    );
  }
  const size = width * height * channels;
  if (data.length !== size || !(size > 0)) {
    throw new RangeError(
      `Cannot write an image of ${width} x ${height} pixels and ${channels} channels with ${data.length} values: there must be ${size}, and more than 0`
    );
  }
}
function bytesOf(floats) {
  return Uint8Array.from(floats, (value) => Math.min(255, Math.max(0, Math.floor(value * 255.5))));
}

// ../../../../../tensorboard/pr_curve.ts
function prCurveTensor(labels, predictions, thresholds, weights) {
  for (const [name, other] of Object.entries({ predictions, weights })) {
    if (other === void 0 || other.length === labels.length) continue;
    throw new RangeError(
      `Cannot write a curve of ${labels.length} labels and ${other.length} ${name}: the numbers must be equal`
    );
  }
  const truePositives = new Float64Array(thresholds);
  const falsePositives = new Float64Array(thresholds);
  for (let i2 = 0; i2 < labels.length; i2++) {
    if (Number.isNaN(predictions[i2])) continue;
    const bucket = Math.floor(Math.min(1, Math.max(0, predictions[i2])) * (thresholds - 1));
    (labels[i2] ? truePositives : falsePositives)[bucket] += weights?.[i2] ?? 1;
  }
  for (let i2 = thresholds - 2; i2 >= 0; i2--) {
    truePositives[i2] += truePositives[i2 + 1];
    falsePositives[i2] += falsePositives[i2 + 1];
  }
  const values = new Float32Array(6 * thresholds);
  for (let i2 = 0; i2 < thresholds; i2++) {
    const [tp, fp] = [truePositives[i2], falsePositives[i2]];
    const [tn, fn] = [falsePositives[0] - fp, truePositives[0] - tp];
    const precision = tp / Math.max(smallestCount, tp + fp);
    const recall = tp / Math.max(smallestCount, tp + fn);
    [tp, fp, tn, fn, precision, recall].forEach((value, row) => {
      values[row * thresholds + i2] = value;
    });
  }
  return { dtype: "float32", shape: [6, thresholds], values };
}
var smallestCount = 1e-7;

// ../../../../../tensorboard/numbers.ts
function numberOf(tag, value) {
  const isOne = isTensor(value) && value.size === 1;
  const number = isOne ? read(tag, value)[0] : value;
  if (typeof number === "number") return number;
  if (typeof number === "boolean" || typeof number === "bigint") return Number(number);
  throw unreadable(tag, "a number", value);
}
function numbersOf(tag, values) {
  if (isTensor(values)) return read(tag, values);
  if (ArrayBuffer.isView(values) && !(values instanceof DataView)) {
    return values;
  }
  if (!Array.isArray(values)) throw unreadable(tag, "an array of numbers", values);
  const odd = values.findIndex((value) => typeof value !== "number" && typeof value !== "boolean");
  if (odd >= 0) throw unreadable(tag, "an array of numbers", values[odd], ` at index ${odd}`);
  return values;
}
function isTensor(value) {
  const { size, dataSync } = value ?? {};
  return typeof size === "number" && typeof dataSync === "function";
}
function read(tag, tensor) {
  try {
    return tensor.dataSync();
  } catch (cause) {
    throw new TypeError(
      `Cannot write '${tag}': its tensor cannot be read synchronously; pass the result of await tensor.data()`,
      { cause }
    );
  }
}
function unreadable(tag, expected, value, where = "") {
  return new TypeError(`Cannot write '${tag}': expected ${expected}, got ${shown(value)}${where}`);
}
function shown(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (isTensor(value)) return `a tensor of ${value.size} values`;
  if (typeof value?.then === "function") {
    return "a promise; await it first";
  }
  return Array.isArray(value) ? `an array of ${value.length}` : String(value);
}

// ../../../../../tensorboard/scalar_template.ts
var ScalarTemplate = class {
  #fields;
  #valueAt;
  /** @param tag tag of the scalar */
  constructor(tag) {
    this.#fields = encode(tag, 1.25);
    const other = encode(tag, -34e-39);
    this.#valueAt = this.#fields.findIndex((byte, i2) => byte !== other[i2]);
  }
  /** Write the summary into an event. */
  write(out, value) {
    const start = out.size;
    out.encoded(this.#fields);
    out.float32At(start + this.#valueAt, value);
  }
};
function encode(tag, value) {
  const out = new ProtobufWriter();
  const tensor = { dtype: "float32", shape: [], values: [value] };
  out.message(5, () => writeSummary(out, { tag, plugin: "scalars", tensor }));
  return out.take().slice();
}

// ../../../../../tensorboard/text.ts
function textTensor(text) {
  if (typeof text === "string") return { dtype: "string", shape: [], values: [text] };
  const rows = text.map((row) => typeof row === "string" ? [row] : row);
  if (text.every((row) => typeof row === "string")) {
    return { dtype: "string", shape: [text.length], values: text };
  }
  const columns = rows[0].length;
  const odd = rows.find((row) => row.length !== columns);
  if (odd !== void 0) {
    throw new RangeError(
      `Cannot write a table with rows of ${columns} and ${odd.length} texts: all rows must have the same number`
    );
  }
  return { dtype: "string", shape: [rows.length, columns], values: rows.flat() };
}

// ../../../../../tensorboard/summary_writer.ts
var SummaryWriter = class {
  /** Folder of the run. */
  logDir;
  #file;
  #now;
  #scalars = /* @__PURE__ */ new Map();
  /** Images that wait for their compressor. */
  #images = [];
  /**
   * Create a writer; nothing is written before the first summary.
   *
   * @param logDir folder of the run, path or `file:` URL; created with the first write
   * @param options options
   * @throws RangeError for a negative `flushMillis` or `maxPendingBytes`
   */
  constructor(logDir, options) {
    const { fs, flushMillis = 1e4, maxPendingBytes = 2 ** 20, suffix = ".v2" } = options;
    for (const [name, value] of Object.entries({ flushMillis, maxPendingBytes })) {
      if (value >= 0) continue;
      throw new RangeError(`Cannot create SummaryWriter with ${name} ${value}: it must be >= 0`);
    }
    this.logDir = logDir;
    this.#now = options.now ?? Date.now;
    this.#file = new EventFile(logDir, {
      fs,
      flushMillis,
      maxPendingBytes,
      suffix,
      now: this.#now
    });
  }
  /**
   * Write a scalar as float32, a point of a line. A boolean becomes 1 or 0; a tensor must have one
   * value.
   *
   * @throws TypeError for anything else
   */
  scalar(tag, value, step, options = {}) {
    const number = numberOf(tag, value);
    const { wallTime, description } = options;
    if (description) {
      const tensor = { dtype: "float32", shape: [], values: [number] };
      return this.#summary({ tag, plugin: "scalars", tensor }, step, options);
    }
    checkStep(tag, step);
    let template = this.#scalars.get(tag);
    if (template === void 0) {
      if (this.#scalars.size >= 1e3) this.#scalars.clear();
      this.#scalars.set(tag, template = new ScalarTemplate(tag));
    }
    const known = template;
    this.#file.append(wallTime, step, (out) => known.write(out, number));
  }
  /**
   * Write the distribution of values or of a tensor. Non-finite values are omitted.
   *
   * @throws TypeError for anything but a list of numbers
   * @throws RangeError when `buckets` is not a positive integer
   */
  histogram(tag, values, step, options = {}) {
    const { buckets = 30 } = options;
    checkCount(`histogram '${tag}'`, "buckets", buckets, 1);
    const tensor = histogramTensor(numbersOf(tag, values), buckets);
    this.#summary({ tag, plugin: "histograms", tensor }, step, options);
  }
  /**
   * Write an image, or several of one size, as PNG. Where the runtime has no zlib, they are
   * compressed later, before the next write.
   *
   * @throws RangeError for no image, images of different size, or data of the wrong length
   */
  image(tag, images, step, options = {}) {
    if (typeof images !== "object" || images === null) {
      throw unreadable(tag, "an image or a list of images", images);
    }
    const all = "data" in images ? [images] : images;
    checkImages(all);
    const deflate = findDeflate();
    if (typeof deflate === "function") {
      const tensor = imageTensor(all, deflate);
      return this.#summary({ tag, plugin: "images", tensor }, step, options);
    }
    this.#file.checkOpen();
    const { wallTime = this.#now() } = options;
    const copies = all.map((image) => ({ ...image, data: image.data.slice() }));
    const written = deflate.then((deflate2) => {
      const tensor = imageTensor(copies, deflate2);
      this.#summary({ tag, plugin: "images", tensor }, step, { ...options, wallTime });
    });
    written.catch(() => {
    });
    this.#images.push(written);
  }
  /**
   * Write Markdown: one text, a column of texts or a table.
   *
   * @throws RangeError for a table with rows of different length
   */
  text(tag, text, step, options = {}) {
    const isText = typeof text === "string" || Array.isArray(text) && text.flat().every((one) => typeof one === "string");
    if (!isText) throw unreadable(tag, "a text, a list or a table of texts", text);
    const tensor = textTensor(text);
    this.#summary({ tag, plugin: "text", tensor }, step, options);
  }
  /**
   * Write the precision-recall curve of a binary classifier. Predictions are 0..1, labels false or
   * true.
   *
   * @throws RangeError for fewer than 2 `thresholds`, or when the numbers of labels, predictions and
   *   weights differ
   */
  prCurve(tag, labels, predictions, step, options = {}) {
    const { thresholds = 201, weights } = options;
    checkCount(`prCurve '${tag}'`, "thresholds", thresholds, 2);
    const tensor = prCurveTensor(
      numbersOf(tag, labels),
      numbersOf(tag, predictions),
      thresholds,
      weights === void 0 ? void 0 : numbersOf(tag, weights)
    );
    const content = new ProtobufWriter();
    content.varint(2, thresholds);
    this.#summary(
      { tag, plugin: "pr_curves", content: content.take(), tensor },
      step,
      options
    );
  }
  /**
   * Write a tensor for any TensorBoard plugin.
   *
   * @throws RangeError for an unknown dtype, or if the number of values does not match the shape
   */
  tensor(tag, tensor, step, options) {
    const { plugin, content, displayName, dataClass } = options;
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    this.#summary(
      { tag, plugin, content: bytes, displayName, dataClass, tensor },
      step,
      options
    );
  }
  /** Write a graph of operations for the graphs tab, at most one per run. */
  graph(graph) {
    this.#file.append(void 0, 0, (out) => out.message(4, () => writeGraph(out, graph)));
  }
  /**
   * Write a Keras model for the graphs tab.
   *
   * @param json configuration of the model in the form of Keras's `model.to_json()`
   */
  kerasModel(json) {
    this.tensor("keras", { dtype: "string", shape: [], values: [json] }, 0, {
      plugin: "graph_keras_model",
      content: "1"
    });
  }
  /**
   * Write the hyperparameters of this run, its row in the hparams table. This starts a session,
   * which {@linkcode hparamsEnd} ends.
   *
   * @throws TypeError for a value that is not a string, number or boolean
   */
  hparams(hparams, options = {}) {
    const { metrics, trialId, startTime = this.#now() } = options;
    const start = sessionStartSummary(hparams, trialId, startTime);
    if (metrics !== void 0) this.#summary(experimentSummary(hparams, metrics, startTime), 0);
    this.#summary(start, 0);
  }
  /** End the session of {@linkcode hparams} with its status. */
  hparamsEnd(status = "success") {
    this.#summary(sessionEndSummary(status, this.#now()), 0);
  }
  /**
   * Mark that the run continues from a step. TensorBoard then ignores earlier summaries of this and
   * later steps, also those in other files of the folder.
   *
   * Source: `tensorboard/backend/event_processing/plugin_event_accumulator.py`.
   *
   * @param step first step that will be written again
   */
  sessionStart(step) {
    this.#file.append(void 0, step, (out) => out.message(7, () => out.varint(1, 1)));
  }
  /** Write the charts of the custom scalars tab. */
  customScalars(layout) {
    this.#summary(customScalarsSummary(layout), 0);
  }
  /**
   * Write the buffered summaries, and wait until they are on the disk and survive a power failure.
   *
   * @throws FileSystemError when the file cannot be written
   */
  async sync() {
    await this.#compressed();
    await this.#file.sync();
  }
  /**
   * Write the buffered summaries; may be called again.
   *
   * @throws FileSystemError when the file cannot be written; the next write retries
   * @throws Error when summaries were dropped, because writes failed for too long
   */
  flush() {
    if (this.#images.length === 0) return this.#file.flush();
    const flushed = this.#compressed().then(() => this.#file.flush());
    flushed.catch(() => {
    });
    return flushed;
  }
  /**
   * Write the buffered summaries and close the file; may be called again. Later summaries throw a
   * TypeError.
   *
   * @throws the errors of {@linkcode flush}
   */
  async close() {
    try {
      if (this.#images.length > 0) await this.#compressed();
    } finally {
      await this.#file.close();
    }
  }
  async #compressed() {
    await Promise.all(this.#images.splice(0));
  }
  #summary(summary, step, { wallTime, description } = {}) {
    checkStep(summary.tag, step);
    this.#file.append(wallTime, step, (out) => {
      out.message(5, () => writeSummary(out, { ...summary, description }));
    });
  }
};
function checkStep(tag, step) {
  if (Number.isSafeInteger(step)) return;
  throw new RangeError(`Cannot write '${tag}' at step ${step}: the step must be a safe integer`);
}
function checkCount(summary, name, count, least) {
  if (Number.isSafeInteger(count) && count >= least) return;
  throw new RangeError(
    `Cannot write ${summary} with ${name} ${count}: it must be an integer >= ${least}`
  );
}

// src/context_files.ts
function contextFiles(context) {
  return {
    makeDir: () => Promise.resolve(),
    // The plugin may only write, so the files of earlier runs are not listed.
    readDir: () => Promise.resolve([]),
    open: (path) => {
      let last = Promise.resolve();
      return Promise.resolve({
        write: async (data) => {
          last = context.append(String(path).replace(/^\.\//, ""), data);
          await last;
        },
        sync: async () => void await last,
        close: async () => void await last
      });
    }
  };
}

// src/count.ts
function countOf({ outputs, targets }, classes) {
  const [predicted, truth] = [outputs[0], targets[0]];
  const width = predicted.shape.at(-1) ?? 0;
  if (predicted.shape.length !== 2 || width !== Math.max(classes, 2) && width !== 1) {
    throw new RangeError(
      `Cannot count: expected one output for each of ${classes} classes, got shape [${predicted.shape}]`
    );
  }
  const counts = Array.from({ length: classes }, () => new Array(classes).fill(0));
  for (let row = 0; row < predicted.shape[0]; row++) {
    counts[classOf(truth, row)][classOf(predicted, row)]++;
  }
  return counts;
}
function classOf({ shape, values }, row) {
  const width = shape.length === 1 ? 1 : shape[1];
  if (width === 1) return Math.round(values[row]);
  let best = 0;
  for (let i2 = 1; i2 < width; i2++) {
    if (values[row * width + i2] > values[row * width + best]) best = i2;
  }
  return best;
}
function accuracyOf(counts) {
  const total = counts.flat().reduce((sum, count) => sum + count, 0);
  const right = counts.reduce((sum, row, i2) => sum + row[i2], 0);
  return total === 0 ? NaN : right / total;
}

// src/font.ts
var signs = {
  "0": [62, 81, 73, 69, 62],
  "1": [0, 66, 127, 64, 0],
  "2": [66, 97, 81, 73, 70],
  "3": [33, 65, 69, 75, 49],
  "4": [24, 20, 18, 127, 16],
  "5": [39, 69, 69, 69, 57],
  "6": [60, 74, 73, 73, 48],
  "7": [1, 113, 9, 5, 3],
  "8": [54, 73, 73, 73, 54],
  "9": [6, 73, 73, 41, 30],
  A: [126, 17, 17, 17, 126],
  B: [127, 73, 73, 73, 54],
  C: [62, 65, 65, 65, 34],
  D: [127, 65, 65, 34, 28],
  E: [127, 73, 73, 73, 65],
  F: [127, 9, 9, 9, 1],
  G: [62, 65, 73, 73, 122],
  H: [127, 8, 8, 8, 127],
  I: [0, 65, 127, 65, 0],
  J: [32, 64, 65, 63, 1],
  K: [127, 8, 20, 34, 65],
  L: [127, 64, 64, 64, 64],
  M: [127, 2, 12, 2, 127],
  N: [127, 4, 8, 16, 127],
  O: [62, 65, 65, 65, 62],
  P: [127, 9, 9, 9, 6],
  Q: [62, 65, 81, 33, 94],
  R: [127, 9, 25, 41, 70],
  S: [70, 73, 73, 73, 49],
  T: [1, 1, 127, 1, 1],
  U: [63, 64, 64, 64, 63],
  V: [31, 32, 64, 32, 31],
  W: [63, 64, 56, 64, 63],
  X: [99, 20, 8, 20, 99],
  Y: [7, 8, 112, 8, 7],
  Z: [97, 81, 73, 69, 67],
  "-": [8, 8, 8, 8, 8],
  "_": [64, 64, 64, 64, 64],
  ".": [0, 96, 96, 0, 0],
  " ": [0, 0, 0, 0, 0]
};
var unknown = [127, 65, 65, 65, 127];
function textWidth(text) {
  return [...text].length * 6;
}
function drawText({ width, height, data }, text, x2, y, color) {
  [...text.toUpperCase()].forEach((sign, i2) => {
    (signs[sign] ?? unknown).forEach((bits, column) => {
      for (let row = 0; row < 7; row++) {
        const [px, py] = [x2 + i2 * 6 + column, y + row];
        if ((bits >> row & 1) === 0 || px < 0 || px >= width || py < 0 || py >= height) continue;
        data.set(color, (py * width + px) * 3);
      }
    });
  });
}

// src/draw_matrix.ts
var cell = 32;
var margin = 8;
var ink = [32, 33, 36];
var paper = [255, 255, 255];
var full = [8, 81, 156];
function drawMatrix(counts, labels) {
  const left = margin * 2 + Math.max(...labels.map((label) => textWidth(label)));
  const top = margin * 4;
  const width = left + cell * labels.length + margin;
  const height = top + cell * labels.length + margin;
  const picture = {
    width,
    height,
    channels: 3,
    data: new Uint8Array(width * height * 3).fill(255)
  };
  labels.forEach((label, i2) => {
    const x2 = left + i2 * cell + (cell - textWidth(label)) / 2;
    drawText(picture, label, Math.round(x2), margin * 2, ink);
    drawText(picture, label, margin, top + i2 * cell + cell / 2 - 4, ink);
  });
  counts.forEach((row, i2) => {
    const sum = row.reduce((total, count) => total + count, 0);
    row.forEach((count, j) => {
      const share = sum === 0 ? 0 : count / sum;
      const color = paper.map((from, channel) => Math.round(from + (full[channel] - from) * share));
      const x2 = left + j * cell;
      const y = top + i2 * cell;
      fill(picture, x2, y, cell - 1, cell - 1, color);
      const text = String(count);
      const textLeft = x2 + Math.round((cell - textWidth(text)) / 2);
      drawText(picture, text, textLeft, y + cell / 2 - 4, share > 0.5 ? paper : ink);
    });
  });
  return picture;
}
function fill(picture, x2, y, width, height, color) {
  for (let row = y; row < y + height; row++) {
    for (let column = x2; column < x2 + width; column++) {
      picture.data.set(color, (row * picture.width + column) * 3);
    }
  }
}

// src/mod.ts
function confusionMatrix(options, context) {
  const { labels, tag, everyEpochs } = options;
  let writer;
  return {
    async onEpochEnd(epoch, logs) {
      if ((epoch + 1) % everyEpochs !== 0) return;
      const counts = countOf(await context.evaluate(), labels.length);
      logs.confusion_accuracy = accuracyOf(counts);
      writer ??= new SummaryWriter(".", { fs: contextFiles(context) });
      writer.image(tag, drawMatrix(counts, labels), epoch);
      await writer.flush();
    },
    async close() {
      await writer?.close();
    }
  };
}
export {
  confusionMatrix as default
};

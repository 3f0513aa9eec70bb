"""Tigger, Misty and neither: pet pictures drawn from a seed, so that no download is needed."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

CLASSES = ("tigger", "misty", "neither")

S=2
def fbm(rng,n,oct=5):
    out=np.zeros((n,n),np.float32); a=1.
    for o in range(oct):
        k=2**(o+2)
        g=rng.standard_normal((k,k)).astype(np.float32)
        im=np.asarray(Image.fromarray(g).resize((n,n),Image.BICUBIC)); out+=a*im; a*=.55
    return out/out.std()
def background(rng,n):
    base=rng.uniform(40,220,3); v=fbm(rng,n)[...,None]; c2=rng.uniform(-50,50,3)
    img=base+v*c2*.6+fbm(rng,n,6)[...,None]*rng.uniform(3,14)
    # floor
    y=np.linspace(0,1,n)[:,None,None]; h=rng.uniform(.5,.8); fl=rng.uniform(40,200,3)
    img=np.where(y>h,fl+fbm(rng,n,6)[...,None]*rng.uniform(4,18),img)
    return np.clip(img,0,255).astype(np.uint8)
COATS={'tigger':dict(base=(205,125,50),stripe=(110,55,20),eye=(120,170,60),belly=(240,215,180)),
       'misty':dict(base=(125,135,150),stripe=(100,108,122),eye=(215,170,40),belly=(225,228,232))}
def cat(rng,n,coat,ear='point'):
    N=n*S; layer=Image.new('RGBA',(N,N),(0,0,0,0)); d=ImageDraw.Draw(layer)
    j=lambda c,s=14: tuple(int(np.clip(v+rng.normal(0,s),0,255)) for v in c)
    b=j(coat['base']); st=coat['stripe']; be=coat['belly']
    cx,cy=N/2+rng.normal(0,N*.03),N*.40; hw,hh=N*.20*rng.uniform(.9,1.12),N*.17*rng.uniform(.9,1.1)
    # tail
    tx=1 if rng.random()<.5 else -1; pts=[(cx+tx*N*.16,N*.82)]
    ph=rng.uniform(0,2)
    for t in np.linspace(0,1,20): pts.append((cx+tx*N*(.16+.16*t+.05*math.sin(4*t+ph)),N*(.82-.35*t)))
    for p in pts: d.ellipse([p[0]-N*.025,p[1]-N*.025,p[0]+N*.025,p[1]+N*.025],fill=b)
    # body
    bw=N*rng.uniform(.2,.25); d.ellipse([cx-bw,N*.45,cx+bw,N*.92],fill=b)
    if coat.get('bib',rng.random()<.8): d.ellipse([cx-bw*.5,N*.55,cx+bw*.5,N*.9],fill=be)
    for s in(-1,1):
        d.rounded_rectangle([cx+s*bw*.45-N*.04,N*.7,cx+s*bw*.45+N*.04,N*.93],N*.03,fill=b)
        d.ellipse([cx+s*bw*.45-N*.05,N*.89,cx+s*bw*.45+N*.05,N*.95],fill=be)
    # ears
    for s in(-1,1):
        if ear=='point':
            d.polygon([(cx+s*hw*.95,cy-hh*.2),(cx+s*hw*.85,cy-hh*1.6),(cx+s*hw*.2,cy-hh*.85)],fill=b)
            d.polygon([(cx+s*hw*.8,cy-hh*.5),(cx+s*hw*.78,cy-hh*1.3),(cx+s*hw*.4,cy-hh*.85)],fill=(220,150,150))
        else:
            d.ellipse([cx+s*hw*.95-N*.05,cy-hh*.7,cx+s*hw*.95+N*.05,cy+hh*.9],fill=tuple(int(v*.75) for v in b))
    d.ellipse([cx-hw,cy-hh,cx+hw,cy+hh],fill=b)
    if ear!='point': d.ellipse([cx-hw*.55,cy,cx+hw*.55,cy+hh*1.25],fill=be)
    # stripes
    if coat.get('stripes',True):
        for k in range(3):
            o=(k-1)*hw*.3; d.line([(cx+o,cy-hh*.95),(cx+o*.6,cy-hh*.45)],fill=st,width=int(N*.018))
        for s in(-1,1):
            for k in range(2): d.line([(cx+s*hw*.98,cy+hh*(.05+.25*k)),(cx+s*hw*.6,cy+hh*(.12+.2*k))],fill=st,width=int(N*.014))
            for k in range(4): d.line([(cx+s*bw*.98,N*(.55+.08*k)),(cx+s*bw*.55,N*(.58+.08*k))],fill=st,width=int(N*.02))
    # eyes nose
    for s in(-1,1):
        ex,ey=cx+s*hw*.42,cy-hh*.05; d.ellipse([ex-hw*.19,ey-hh*.2,ex+hw*.19,ey+hh*.2],fill=coat['eye']); pw=rng.uniform(.04,.12)
        d.ellipse([ex-hw*pw,ey-hh*.18,ex+hw*pw,ey+hh*.18],fill=(10,10,10)); d.ellipse([ex+hw*.02,ey-hh*.12,ex+hw*.08,ey-hh*.04],fill='white')
    d.polygon([(cx-hw*.1,cy+hh*.3),(cx+hw*.1,cy+hh*.3),(cx,cy+hh*.45)],fill=(225,120,120) if ear=='point' else (30,25,25))
    for s in(-1,1):
        d.arc([cx+min(0,s*hw*.25),cy+hh*.35,cx+max(0,s*hw*.25),cy+hh*.65],0,180,fill=(60,40,40),width=int(N*.006))
        if ear=='point':
            for k in range(3): d.line([(cx+s*hw*.25,cy+hh*(.4+.06*k)),(cx+s*hw*1.25,cy+hh*(.3+.18*k))],fill=(235,235,235),width=int(N*.004))
    # fur noise + shading
    a=np.asarray(layer).astype(np.float32).copy(); nz=fbm(rng,N,7)[...,None]; 
    yy,xx=np.mgrid[0:N,0:N]/N; lx,ly=rng.uniform(-1,1),rng.uniform(-1,-.2)
    sh=1+.35*((xx-.5)*lx+(yy-.5)*ly)[...,None]*1.6
    a[...,:3]=np.clip((a[...,:3]+nz*rng.uniform(5,14))*sh,0,255)
    return Image.fromarray(a.astype(np.uint8))
def compose(rng,n,layer):
    bg=Image.fromarray(background(rng,n))
    L=layer.rotate(rng.normal(0,12),Image.BICUBIC,center=(n*S/2,n*S*.6))
    sc=rng.uniform(.65,1.25); m=int(n*sc); L=L.resize((m,m),Image.LANCZOS)
    if rng.random()<.5: L=L.transpose(Image.FLIP_LEFT_RIGHT)
    off=(int((n-m)/2+rng.normal(0,n*.08)),int((n-m)/2+rng.normal(0,n*.06)))
    bg.paste(L,off,L)
    a=np.asarray(bg).astype(np.float32)*rng.uniform(.6,1.25)*rng.uniform(.9,1.1,3); a+=rng.normal(0,rng.uniform(1,8),a.shape)
    im=Image.fromarray(np.clip(a,0,255).astype(np.uint8))
    if rng.random()<.4: im=im.filter(ImageFilter.GaussianBlur(rng.uniform(.3,1.4)))
    return im
def sample(label,rng,n=128):
    if label in COATS: return compose(rng,n,cat(rng,n,COATS[label]))
    r=rng.random()
    if r<.45: # other cats
        c=rng.choice(['black','white','cream','choc','calico'])
        base={'black':(40,38,40),'white':(235,232,228),'cream':(230,205,165),'choc':(95,65,50),'calico':(225,190,160)}[c]
        return compose(rng,n,cat(rng,n,dict(base=base,stripe=tuple(int(v*.6) for v in base),eye=tuple(rng.integers(80,220,3)),belly=(235,230,225),stripes=bool(rng.random()<.4))))
    if r<.85:
        base=tuple(rng.integers(60,220,1)[0]*np.array([1,.8,.55])*rng.uniform(.8,1.1))
        return compose(rng,n,cat(rng,n,dict(base=base,stripe=(60,40,30),eye=(60,40,20),belly=(235,225,210),stripes=False),ear='flop'))
    return compose(rng,n,Image.new('RGBA',(n*S,n*S),(0,0,0,0)))


def draw_pet(label, index, *, seed=0, size=128):
    """Draw one picture (PIL RGB, size x size); the same for the same label, index and seed."""
    rng = np.random.default_rng([seed, label, index])
    return sample(CLASSES[label], rng, size)

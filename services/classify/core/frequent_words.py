"""Frequent words, by which English posts are told from posts in other languages of Latin script."""

from typing import Final

_ENGLISH = """
    a about after again all also always am amp an and any app are as at back bad be because been best better but
    buy by can can't cannot cant come could day did didn't do does doesn't doing don't done dont down even ever
    every feel first for from fuck get getting give go going good got great guys ha had haha happy has hate have
    haven't he hello help her here hey hi him his hope how i i'll i'm i've if im in into is isn't it it's its
    just know last let like lol look love make man many may me mine more most much my need never new nice night
    no not now of off ok on one only or other our out over people phone please pls really right said say see she
    should since so some someone still stop such sure take than thank thanks that that's the their them then
    there these they thing think this time to today tomorrow too try u up ur us use very wait wanna want was
    wasn't way we week well were what what's when where which who why will wish with won't work working would
    yeah year yes yet you you're your
"""
_FOREIGN = """
    aan aber al algo alle alors als anche ancora ao après aquí así até au auch aucun auf aus aussi aux avec avez
    avoir ayuda beaucoup bedankt bei ben bien bij bin bist bitte bonjour buenas bueno buenos c'est ce cela ces
    cette che chez ciao com comment como cosa così cuando cuándo cómo dank danke dans das dass de dein del della
    delle den depuis der des desde deux di dias dich dir doch donc dopo dos du durch déjà días dónde een ein
    eine einem einen einer el ela ele ella elle em en encanta encore entre er es esa ese eso essa esse est esta
    estar este esto estoy está están et eu euch euer faire fait foi fue für ganz geen geht gibt gli goed gracias
    grazie guten habe haben hace hallo hanno hasta hat hay heb heeft het hier ho hoe hola ich ihr ihre ik il ils
    immer ist j'ai ja je jetzt jij jour jullie já kan kann kein keine l'on las le leider les leur llega llegado
    lo los lui maar mais mal malo mauvais mein meine merci mes met meu mi mich mijn minha mio mir mis mit moi
    molto muchas mucho muchos muito muss muy más même n'ai n'est naar nach nada ne nella nem nicht nichts niet
    noch nog nos nostro nous nuestro nur não obrigada obrigado oder olá om ook op os ou oui où paquete para pas
    pedido pelo perché pero più plus poi por porque pour pourquoi puedo pésimo qu'il quand quando que quello
    quem questa questo qui quiero quoi qué sa sans schlecht schon se sehr sein seit sempre ser servicio ses seu
    si sich sido sie sin sind sobre son sono sont soy stata stato su sua suis sur sus são también também te tem
    tengo tiene toch todo todos toujours tous tout très tu tutti tutto uit uma un una und uno uns unser va van
    veel vers viel vielen você vocês vom von voor vos votre vous vraiment waarom warum wat weer wel wenn werden
    wie wieder wij wir wird worden wurde y ya yo zijn zo zu zum zur ça été êtes être über
"""

ENGLISH: Final = frozenset(_ENGLISH.split())
"""The most frequent words of English posts; one is enough to speak for a short text."""
FOREIGN: Final = frozenset(_FOREIGN.split())
"""Frequent words of German, Spanish, French, Italian, Portuguese and Dutch that English posts hardly have."""

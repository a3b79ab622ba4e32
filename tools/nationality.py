"""Countries: what a text calls them, so that "American", "United States", "U.S." and "Kansas" meet in one name.

A table, each line a country and its other wordings: adjectives, people, abbreviations, former names, and for a few countries their parts.
Three decisions follow the labels of 2WikiMultiHopQA (Ho et al., COLING 2020), which answer by the state a person was a citizen of:
England, Scotland, Wales and Northern Ireland are the United Kingdom; both Germanies, the Reich and a "Kingdom of Italy" are today's country;
a state that fell apart (Soviet Union, Yugoslavia, Czechoslovakia, Austria-Hungary) is none of its successors, and Hong Kong is not China.
"""

from __future__ import annotations

import re

from .words import fold

_TABLE = """
Afghanistan: Afghan
Albania: Albanian
Algeria: Algerian
Andorra: Andorran
Angola: Angolan
Antigua and Barbuda: Antigua, Antiguan, Barbudan
Argentina: Argentine, Argentinian, Argentinean
Armenia: Armenian
Aruba: Aruban
Australia: Australian, Aussie, New South Wales, Queensland, South Australia, Western Australia, Tasmania
Austria: Austrian, Austrian Empire
Austria-Hungary: Austro-Hungarian, Austro-Hungarian Empire
Azerbaijan: Azerbaijani, Azeri
Bahamas: Bahamian
Bahrain: Bahraini
Bangladesh: Bangladeshi, East Pakistan
Barbados: Barbadian, Bajan
Belarus: Belarusian, Belarussian, Byelorussian, Byelorussia
Belgium: Belgian, Flemish, Walloon
Belize: Belizean, British Honduras
Benin: Beninese, Dahomey
Bermuda: Bermudian
Bhutan: Bhutanese
Bohemia: Bohemian
Bolivia: Bolivian
Bosnia and Herzegovina: Bosnia, Bosnian, Bosnia-Herzegovina, Herzegovinian
Botswana: Motswana, Batswana
Brazil: Brazilian
Brunei: Bruneian
Bulgaria: Bulgarian
Burkina Faso: Burkinabe, Upper Volta
Burundi: Burundian
Byzantine Empire: Byzantine, Byzantium
Cambodia: Cambodian, Kampuchea
Cameroon: Cameroonian
Canada: Canadian, Quebecois, Ontario, Quebec, British Columbia, Alberta, Manitoba, Saskatchewan, Nova Scotia, New Brunswick, Newfoundland
Cape Verde: Cape Verdean, Cabo Verde
Cayman Islands: Caymanian
Central African Republic: Central African
Chad: Chadian
Chile: Chilean
China: Chinese, PRC, People's Republic of China, Qing, Qing dynasty, Ming dynasty, Song dynasty, Tang dynasty, Han dynasty, Yuan dynasty
Colombia: Colombian
Comoros: Comorian
Costa Rica: Costa Rican
Croatia: Croatian, Croat
Cuba: Cuban
Curacao: Curacaoan
Cyprus: Cypriot, Greek Cypriot, Turkish Cypriot
Czech Republic: Czech, Czechia
Czechoslovakia: Czechoslovak, Czechoslovakian
Democratic Republic of the Congo: DR Congo, DRC, Zaire, Zairean, Congo Kinshasa, Belgian Congo, Congo, Congolese
Denmark: Danish, Dane
Djibouti: Djiboutian
Dominica: Dominica Island, Commonwealth of Dominica
Dominican Republic: Dominican
East Timor: East Timorese, Timor Leste, Timorese
Ecuador: Ecuadorian, Ecuadorean
Egypt: Egyptian
El Salvador: Salvadoran, Salvadorean, Salvadorian
Equatorial Guinea: Equatoguinean, Equatorial Guinean
Eritrea: Eritrean
Estonia: Estonian
Eswatini: Swazi, Swaziland
Ethiopia: Ethiopian, Abyssinia, Abyssinian
Faroe Islands: Faroese
Fiji: Fijian
Finland: Finnish, Finn
France: French, Frenchman, Frenchwoman
French Guiana: French Guianese
French Polynesia: French Polynesian, Tahiti, Tahitian
Gabon: Gabonese
Gambia: Gambian
Georgia: Georgian
Germany: German, West Germany, West German, East Germany, East German, GDR, FRG, Nazi Germany, German Empire, Weimar Republic
Ghana: Ghanaian, Gold Coast
Gibraltar: Gibraltarian
Greece: Greek, Hellenic
Greenland: Greenlandic, Greenlander
Grenada: Grenadian
Guadeloupe: Guadeloupean
Guam: Guamanian
Guatemala: Guatemalan
Guernsey:
Guinea: Guinean
Guinea-Bissau: Bissau-Guinean
Guyana: Guyanese, British Guiana
Haiti: Haitian
Holy Roman Empire:
Honduras: Honduran
Hong Kong: Hongkonger, Hong Konger
Hungary: Hungarian
Iceland: Icelandic, Icelander
India: Indian, British India, British Raj, Bollywood, Hindi, Tamil, Telugu, Malayalam, Kannada, Marathi
Indonesia: Indonesian, Dutch East Indies
Iran: Iranian, Persia, Persian
Iraq: Iraqi
Ireland: Irish, Republic of Ireland, Irish Free State, Eire, Irishman
Isle of Man: Manx
Israel: Israeli
Italy: Italian
Ivory Coast: Ivorian, Cote d'Ivoire
Jamaica: Jamaican
Japan: Japanese
Jersey:
Jordan: Jordanian, Transjordan
Kazakhstan: Kazakh, Kazakhstani
Kenya: Kenyan
Kiribati: I-Kiribati
Kosovo: Kosovar, Kosovan
Kuwait: Kuwaiti
Kyrgyzstan: Kyrgyz, Kyrgyzstani, Kirghiz
Laos: Lao, Laotian
Latvia: Latvian
Lebanon: Lebanese
Lesotho: Basotho, Mosotho, Basutoland
Liberia: Liberian
Libya: Libyan
Liechtenstein: Liechtensteiner
Lithuania: Lithuanian
Luxembourg: Luxembourgish, Luxembourger, Luxembourgeois, Luxemburg
Macau: Macanese, Macao
Madagascar: Malagasy
Malawi: Malawian, Nyasaland
Malaysia: Malaysian, Malaya, Malayan
Maldives: Maldivian
Mali: Malian
Malta: Maltese
Marshall Islands: Marshallese
Martinique: Martiniquais
Mauritania: Mauritanian
Mauritius: Mauritian
Mexico: Mexican
Micronesia: Micronesian
Moldova: Moldovan, Moldavian, Moldavia
Monaco: Monegasque, Monacan
Mongolia: Mongolian
Montenegro: Montenegrin
Morocco: Moroccan
Mozambique: Mozambican
Mughal Empire: Mughal
Myanmar: Burma, Burmese
Namibia: Namibian, South West Africa
Nauru: Nauruan
Nepal: Nepali, Nepalese
Netherlands: Dutch, Holland, Dutchman, Dutch Republic
New Caledonia: New Caledonian
New Zealand: New Zealander, Kiwi, NZ
Nicaragua: Nicaraguan
Niger: Nigerien
Nigeria: Nigerian
North Korea: North Korean, Democratic People's Republic of Korea, DPRK
North Macedonia: Macedonia, Macedonian, Republic of Macedonia
Norway: Norwegian
Oman: Omani
Ottoman Empire: Ottoman
Pakistan: Pakistani
Palau: Palauan
Palestine: Palestinian, Mandatory Palestine
Panama: Panamanian
Papal States:
Papua New Guinea: Papua New Guinean, Papuan
Paraguay: Paraguayan
Peru: Peruvian
Philippines: Filipino, Filipina, Philippine
Poland: Polish, Pole
Polish-Lithuanian Commonwealth: Polish-Lithuanian
Portugal: Portuguese
Prussia: Prussian
Puerto Rico: Puerto Rican
Qatar: Qatari
Republic of the Congo: Congo Brazzaville, Congo, Congolese
Republic of Venice: Venice, Venetian
Roman Empire: Ancient Rome, Roman Republic
Romania: Romanian, Rumanian, Rumania
Russia: Russian, Russian Empire, Russian Federation
Rwanda: Rwandan
Saint Kitts and Nevis: St Kitts and Nevis, St Kitts, Kittitian, Nevisian
Saint Lucia: St Lucia, Saint Lucian, St Lucian
Saint Vincent and the Grenadines: St Vincent and the Grenadines, Vincentian
Samoa: Samoan, Western Samoa
San Marino: Sammarinese
Sao Tome and Principe: Sao Tomean, Santomean
Saudi Arabia: Saudi, Saudi Arabian
Senegal: Senegalese
Serbia: Serbian, Serb
Seychelles: Seychellois
Sierra Leone: Sierra Leonean
Singapore: Singaporean
Slovakia: Slovak, Slovakian
Slovenia: Slovene, Slovenian
Solomon Islands: Solomon Islander
Somalia: Somali, Somalian, Somaliland
South Africa: South African, Union of South Africa
South Korea: South Korean, Republic of Korea, ROK, Korea, Korean
South Sudan: South Sudanese
Soviet Union: Soviet, USSR, Union of Soviet Socialist Republics
Spain: Spanish, Spaniard, Catalan, Catalonia
Sri Lanka: Sri Lankan, Ceylon, Ceylonese
Sudan: Sudanese
Suriname: Surinamese, Surinam, Dutch Guiana
Sweden: Swedish, Swede
Switzerland: Swiss
Syria: Syrian
Taiwan: Taiwanese, Republic of China, ROC
Tajikistan: Tajik, Tajikistani
Tanzania: Tanzanian, Tanganyika, Zanzibar
Thailand: Thai, Siam, Siamese
Tibet: Tibetan
Togo: Togolese
Tonga: Tongan
Trinidad and Tobago: Trinidad, Trinidadian, Tobagonian
Tunisia: Tunisian
Turkey: Turkish, Turk, Turkiye
Turkmenistan: Turkmen
Tuvalu: Tuvaluan
Uganda: Ugandan
Ukraine: Ukrainian
United Arab Emirates: UAE, Emirati
United Kingdom: UK, British, Britain, Great Britain, GB, Briton, British Empire, England, English, Englishman, Englishwoman, \
Scotland, Scottish, Scot, Scotsman, Wales, Welsh, Welshman, Northern Ireland, Northern Irish
United States: USA, America, American, United States of America, Confederate States of America, Alabama, Alaska, Arizona, \
Arkansas, California, Californian, Colorado, Connecticut, Delaware, Florida, Georgia USA, Georgia United States, Hawaii, Hawaiian, Idaho, \
Illinois, Indiana, Iowa, Kansas, Kentucky, Louisiana, Maine, Maryland, Massachusetts, Michigan, Minnesota, Mississippi, Missouri, Montana, \
Nebraska, Nevada, New England, New Hampshire, New Jersey, New Mexico, New York, North Carolina, North Dakota, Ohio, Oklahoma, Oregon, \
Pennsylvania, Rhode Island, South Carolina, South Dakota, Tennessee, Texas, Texan, Utah, Vermont, Virginia, Washington, West Virginia, \
Wisconsin, Wyoming
United States Virgin Islands: US Virgin Islands, American Virgin Islands
Uruguay: Uruguayan
Uzbekistan: Uzbek, Uzbekistani
Vanuatu: Ni-Vanuatu
Vatican City: Vatican
Venezuela: Venezuelan
Vietnam: Vietnamese, South Vietnam, North Vietnam, South Vietnamese, North Vietnamese
Yemen: Yemeni
Yugoslavia: Yugoslav, Yugoslavian
Zambia: Zambian, Northern Rhodesia
Zimbabwe: Zimbabwean, Rhodesia, Rhodesian
"""
_NO_COUNTRY = """
    south american, latin american, central american, north american, latin america, south america, central america, north america,
    american indian, american samoa, american samoan, west indian, west indies, indian ocean, american football, canadian football,
    mexican american war, british virgin islands, gulf of mexico, south china sea, sea of japan, lake ontario, mississippi river, new guinea,
    english channel, english language, english speaking, french language, french speaking, spanish language, spanish speaking,
    portuguese language, german language, arabic language, french horn
"""
"""Phrases that hold a wording of the table and are not that country: "an English-language film" may come from anywhere."""

_WORD = re.compile(r"\w+")
_INITIALS = re.compile(r"\b(?:[A-Za-z]\.\s?)+[A-Za-z]\b\.?")
_US = re.compile(r"\bUS\b")
"""In capitals alone: "us" is a pronoun."""


def countries(text: str) -> frozenset[str]:
    """The countries that a text names in any wording, by their names here; empty where it names none.

    The longest wording counts at each place: "New Mexico" is not Mexico, "South Sudan" not Sudan. "Congolese", which two countries share, gives both.

    >>> sorted(countries("an Iranian-American director"))
    ['Iran', 'United States']
    """
    found = (_WORDINGS[match["wording"]] for match in _ANY.finditer(_key(text)))
    return frozenset(country for named in found for country in named)


def _key(text: str) -> str:
    """Folded words with one space between, initials joined: "The U.S." → "the usa"."""
    joined = _INITIALS.sub(lambda match: re.sub(r"[.\s]", "", match[0]).upper() + " ", text)
    return " ".join(_WORD.findall(fold(_US.sub("USA", joined))))


def _wordings() -> dict[str, tuple[str, ...]]:
    """Key of a wording → its countries."""
    named: dict[str, list[str]] = {_key(phrase): [] for phrase in _NO_COUNTRY.split(",")}
    for line in _TABLE.strip().splitlines():
        country, _, others = line.partition(":")
        for wording in (country, *filter(None, map(str.strip, others.split(",")))):
            named.setdefault(_key(wording), []).append(country)
    return {wording: tuple(found) for wording, found in named.items()}


_WORDINGS = _wordings()
_ANY = re.compile(rf"\b(?P<wording>{'|'.join(sorted(map(re.escape, _WORDINGS), key=len, reverse=True))})s?\b")
